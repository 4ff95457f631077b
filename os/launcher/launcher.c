/*
 * The only way Python runs on a node: this program imports talos.zygote.main from the read-only root and calls main().
 *
 * A python3 executable is an interpreter for whatever an intruder can write or pass. This one reads no argument, no
 * script, no standard input, no PYTHON* variable, no site or user directory, no .py and no __pycache__: PyConfig is the
 * isolated one (PEP 587), argv is not parsed, and the module path is one directory of the verified image.
 *
 * Rejected: python3 -I -m talos.zygote with a restricted shell of options (the options are still there), a frozen
 * executable by a third-party packer (start-up unpacks into a writable directory).
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOT L"/usr/lib/talos/python"
#define SELF L"/usr/libexec/talos/zygote"

extern char **environ;

/* What OpenSSL would read settings or shared objects from, and what our own interpreter must not see. */
static const char *const unwanted[] = {"OPENSSL_", "SSL_", "PYTHON", "CTLOG_", "GLIBC_", "MALLOC_", "LD_"};

static void clean_environment(void)
{
	for (char **entry = environ; *entry;) {
		int hit = 0;
		for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
			hit |= !strncmp(*entry, unwanted[i], strlen(unwanted[i]));
		char *equal = strchr(*entry, '=');
		if (hit && equal) {
			char name[128];
			size_t length = (size_t)(equal - *entry);
			if (length < sizeof name) {
				memcpy(name, *entry, length);
				name[length] = 0;
				unsetenv(name);
				entry = environ;
				continue;
			}
		}
		entry++;
	}
	/* Debian's cryptography refuses to start without OpenSSL's legacy provider, which the image does not carry. */
	setenv("CRYPTOGRAPHY_OPENSSL_NO_LEGACY", "1", 1);
}

/*
 * Module `_immortal`: makes every object that exists now immortal (PEP 683), so that using one changes no reference
 * count. Without it, each forked service copies nearly every page of what the zygote imported, just by counting: 7 MB
 * a service, measured. Nothing is lost: these objects live as long as the process anyway, and gc.freeze() alone keeps
 * only the collector from writing to them.
 */
static PyObject **stack;
static size_t depth, room, marked;

static void push(PyObject *op)
{
	if (op == NULL || (int32_t)op->ob_refcnt < 0)
		return; /* immortal: static, or done */
	op->ob_refcnt = UINT32_MAX; /* the one value that 3.13's Py_INCREF leaves alone */
	/* What else the first use of an object would write into it: a string's hash, a type's version. */
	if (PyUnicode_Check(op))
		PyObject_Hash(op);
	else if (PyType_Check(op))
		PyUnstable_Type_AssignVersionTag((PyTypeObject *)op);
	marked++;
	if (depth == room) {
		size_t more = room ? room * 2 : 65536;
		PyObject **larger = realloc(stack, more * sizeof *stack);
		if (!larger)
			return;
		stack = larger;
		room = more;
	}
	stack[depth++] = op;
}

static int push_referent(PyObject *op, void *unused)
{
	(void)unused;
	push(op);
	return 0;
}

static void push_referents(PyObject *op)
{
	if (PyCode_Check(op)) { /* not a container to the collector, so it has no tp_traverse */
		PyCodeObject *code = (PyCodeObject *)op;
		push(code->co_consts);
		push(code->co_names);
		push(code->co_exceptiontable);
		push(code->co_localsplusnames);
		push(code->co_localspluskinds);
		push(code->co_filename);
		push(code->co_name);
		push(code->co_qualname);
		push(code->co_linetable);
		return;
	}
	if (PyDict_Check(op)) { /* its traversal leaves out keys that are strings */
		PyObject *key, *value;
		Py_ssize_t at = 0;
		while (PyDict_Next(op, &at, &key, &value))
			push(key);
	}
	if (PyType_HasFeature(Py_TYPE(op), Py_TPFLAGS_HAVE_GC) && Py_TYPE(op)->tp_traverse)
		Py_TYPE(op)->tp_traverse(op, push_referent, NULL);
}

static int visit(PyObject *op, void *unused)
{
	(void)unused;
	push(op);
	return 1;
}

/*
 * What a child allocates should lie on pages of its own. The holes that imports left between shared objects are taken
 * here, once, so that no child fills them and copies the page around each: for every size class of Python's allocator
 * until it opens a fresh pool (its first block follows the 48-byte pool header), for the C library's free chunks until
 * the heap would grow. The fillers are never freed; they lie on pages that are in use anyway.
 */
static void plug_holes(void)
{
	for (size_t size = 16; size <= 512; size += 16)
		for (;;) {
			void *block = PyObject_Malloc(size);
			if (!block)
				break;
			if (((uintptr_t)block & 0x3fff) == 48) {
				PyObject_Free(block);
				break;
			}
		}
	malloc_trim(0);
	uintptr_t top = (uintptr_t)sbrk(0) - 256 * 1024;
	for (size_t size = 8192; size >= 24; size = size > 1024 ? size - 512 : size - 16)
		for (;;) {
			void *block = malloc(size);
			if (!block)
				break;
			if ((uintptr_t)block >= top) {
				free(block);
				break;
			}
		}
}

static PyObject *immortalize(PyObject *self, PyObject *unused)
{
	(void)self, (void)unused;
	marked = 0;
	PyUnstable_GC_VisitObjects(visit, NULL);
	while (depth)
		push_referents(stack[--depth]);
	free(stack);
	stack = NULL;
	room = 0;
	plug_holes();
	return PyLong_FromSize_t(marked);
}

static PyMethodDef immortal_methods[] = {
	{"immortalize", immortalize, METH_NOARGS, "Makes every existing object immortal and returns how many."}, {0}};
static struct PyModuleDef immortal_module = {PyModuleDef_HEAD_INIT, "_immortal", NULL, -1, immortal_methods, 0, 0, 0, 0};

static PyObject *init_immortal(void)
{
	return PyModule_Create(&immortal_module);
}

static PyStatus initialize(void)
{
	PyStatus status;
	PyConfig config;
	PyConfig_InitIsolatedConfig(&config);
	config.parse_argv = 0;
	config.site_import = 0;
	config.write_bytecode = 0;
	config.pathconfig_warnings = 0;
	config.install_signal_handlers = 0;
	config.faulthandler = 1; /* a crash in C leaves its stack in the service's own log: there is no debugger here */
	config.buffered_stdio = 1;
	config.optimization_level = 2; /* as the .pyc files were compiled */
	config.module_search_paths_set = 1;
	status = PyWideStringList_Append(&config.module_search_paths, ROOT);
	/* Given explicitly, these keep getpath from searching the file system for a prefix. */
	wchar_t **const paths[] = {&config.prefix, &config.base_prefix, &config.exec_prefix, &config.base_exec_prefix};
	for (size_t i = 0; i < 4 && !PyStatus_Exception(status); i++)
		status = PyConfig_SetString(&config, paths[i], ROOT);
	if (!PyStatus_Exception(status))
		status = PyConfig_SetString(&config, &config.executable, SELF);
	if (!PyStatus_Exception(status))
		status = PyConfig_SetString(&config, &config.base_executable, SELF);
	if (!PyStatus_Exception(status))
		status = PyConfig_SetString(&config, &config.program_name, SELF);
	if (!PyStatus_Exception(status))
		status = Py_InitializeFromConfig(&config);
	PyConfig_Clear(&config);
	return status;
}

int main(void)
{
	clean_environment();
	PyImport_AppendInittab("_immortal", init_immortal);
	/* Buffers come and go: from 64 KiB on they are mapped and given back at once, and a free top of the heap is given
	   back too. Left alone, the C library raises both limits to the largest buffer it has seen (up to 32 MB). */
	mallopt(M_MMAP_THRESHOLD, 64 * 1024);
	mallopt(M_TRIM_THRESHOLD, 64 * 1024);
	mallopt(M_TOP_PAD, 64 * 1024);
	mallopt(M_ARENA_MAX, 1); /* services have one thread that allocates; a second arena is 64 MB of address space and
				    half a megabyte of memory for each of five processes */
	PyStatus status = initialize();
	if (PyStatus_Exception(status)) {
		fprintf(stderr, "[zygote] python did not start: %s: %s\n", status.func ? status.func : "",
			status.err_msg ? status.err_msg : "");
		return 1;
	}
	int code = 1;
	PyObject *archive = PyImport_ImportModule("talos.zygote.archive");
	PyObject *installed = archive ? PyObject_CallMethod(archive, "install", NULL) : NULL;
	PyObject *module = installed ? PyImport_ImportModule("talos.zygote.main") : NULL;
	PyObject *result = module ? PyObject_CallMethod(module, "main", NULL) : NULL;
	if (result && PyLong_Check(result))
		code = (int)PyLong_AsLong(result);
	else if (PyErr_Occurred())
		PyErr_Print(); /* SystemExit ends the process here with its own code */
	Py_XDECREF(result);
	Py_XDECREF(module);
	/* No Py_Finalize: nothing of it outlives the process, and in a forked service it takes longer than the exit. */
	fflush(NULL);
	_exit(code);
}
