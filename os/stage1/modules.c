/*
 * Kernel modules of the first stage. Their order was computed when the image was built, so nothing is resolved here;
 * the signature is checked by the kernel (module.sig_enforce=1).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "stage1.h"

static int load(const char *folder, const char *name)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int result = (int)syscall(SYS_finit_module, fd, "", 0);
	int error = errno;
	close(fd);
	errno = error;
	return result < 0 && error != EEXIST ? -1 : 0;
}

/*
 * Sums of the root's blocks: with AVX2 or the SHA extensions the module is twice to four times as fast as the kernel's own
 * code in C. What it has for older processors gains little there, and an emulator computes it in half the speed of C.
 */
static int is_of_use(const char *name)
{
#ifdef __x86_64__
	unsigned a, b, c, d;
	if (!strncmp(name, "sha256-ssse3", 12) || !strncmp(name, "sha256_ssse3", 12))
		return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & (bit_AVX2 | bit_SHA);
#endif
	(void)name;
	return 1;
}

void load_modules(const char *list, const char *folder)
{
	char line[128];
	FILE *file = fopen(list, "re");
	if (!file)
		give_up("%s: %s", list, strerror(errno));
	while (fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = 0;
		int optional = line[0] == '-';
		const char *name = line + optional;
		if (*name && is_of_use(name) && load(folder, name) < 0) {
			if (!optional)
				give_up("kernel module %s: %s", name, strerror(errno));
			if (errno != ENODEV)
				say("kernel module %s: %s", name, strerror(errno));
		}
	}
	fclose(file);
}

void load_beside(char *list, const char *folder)
{
	pid_t child = fork();
	if (child != 0) {
		if (child < 0)
			say("modules are not loaded ahead: %s", strerror(errno));
		return;
	}
	for (char *name = strtok(list, "\n"); name; name = strtok(NULL, "\n"))
		if (load(folder, name) < 0 && errno != ENODEV)
			say("kernel module %s: %s", name, strerror(errno));
	_exit(0);
}
