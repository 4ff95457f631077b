/*
 * PID 1 of a node.
 *
 * It does four things and nothing else: it keeps the zygote running, reaps and publishes every process that ends,
 * publishes the signals it is sent, and ends the node when it is told to. All policy (what to stop first, how long to
 * wait, whether a reboot is allowed) is machined's; a fault there, or anywhere in Python, must never end PID 1,
 * because the kernel answers the end of PID 1 with a panic (machine) or with the death of the whole node (container).
 *
 * Rejected: doing this in Python (an exception, an allocation failure or a library update would be fatal); reaping
 * with SIGCHLD set to SIG_IGN (a restarted machined could not learn how the programs it had started ended); a socket
 * with connected readers (a reader that is away misses what happens meanwhile; a file does not).
 *
 * The protocol with machined, the files under RUN_DIR, is described in README.md beside this file.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "watchdog.h"

#ifndef ZYGOTE
#define ZYGOTE "/usr/libexec/talos/zygote"
#endif
#ifndef RUN_DIR
#define RUN_DIR "/run/init"
#endif

#define EVENTS RUN_DIR "/events"
#define EVENTS_OLD RUN_DIR "/events.old"
#define CONTROL RUN_DIR "/control"
#define WATCHDOG RUN_DIR "/watchdog"

#define EVENTS_MAX (256 * 1024) /* bytes; two generations bound the tmpfs to half a megabyte */
#define BACKOFF_MIN_MS 10
#define BACKOFF_MAX_MS 5000
#define STABLE_MS 10000 /* a zygote that lived this long starts again without delay */
#define GRACE_MS 5000   /* between SIGTERM and SIGKILL to what machined left running */
#define BOOT_DEADLINE_S 900 /* talos.boot.deadline= says otherwise; 0: none */

#define EXIT_POWEROFF 0
#define EXIT_FAILED 1
#define EXIT_REBOOT 64

/* How the node ends: what the monitor of a container is told, what the kernel of a machine is. */
struct ending {
	const char *command;
	int status;
	int kernel;
};

static const struct ending endings[] = {
	{"poweroff", EXIT_POWEROFF, LINUX_REBOOT_CMD_POWER_OFF},
	{"halt", EXIT_POWEROFF, LINUX_REBOOT_CMD_HALT},
	{"reboot", EXIT_REBOOT, LINUX_REBOOT_CMD_RESTART},
};
#define POWEROFF (&endings[0])
#define REBOOT (&endings[2])

static int on_machine; /* the first stage started us: the kernel is ours, not a host's */
static long long confirm_by_ms; /* when this boot is given up; 0: it was confirmed, or nobody asks */

static int events_fd = -1;
static off_t events_size;
static unsigned long long sequence;
static pid_t zygote;
static long long zygote_started, zygote_due;
static long backoff_ms = BACKOFF_MIN_MS;

void say(const char *format, ...)
{
	char line[512];
	int n = snprintf(line, sizeof line, "[init] ");
	va_list args;
	va_start(args, format);
	n += vsnprintf(line + n, sizeof line - n - 1, format, args);
	va_end(args);
	if (n > (int)sizeof line - 2)
		n = sizeof line - 2;
	line[n++] = '\n';
	(void)!write(2, line, n);
}

long long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int open_events(void)
{
	events_fd = open(EVENTS, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	events_size = 0;
	return events_fd;
}

/* One event is one write(2) of one line: a reader never sees half of it. */
static void publish(const char *kind, const char *rest)
{
	char line[160];
	if (events_fd < 0 && open_events() < 0)
		return;
	if (events_size > EVENTS_MAX) {
		close(events_fd);
		rename(EVENTS, EVENTS_OLD);
		if (open_events() < 0) {
			say("cannot open %s: %s", EVENTS, strerror(errno));
			return;
		}
	}
	int n = snprintf(line, sizeof line, "%llu %s %s\n", ++sequence, kind, rest);
	if (n >= (int)sizeof line) {
		n = sizeof line;
		line[n - 1] = '\n';
	}
	if (write(events_fd, line, n) == n)
		events_size += n;
	else
		say("cannot write %s: %s", EVENTS, strerror(errno));
}

/* Field 22 of /proc/PID/stat (proc_pid_stat(5)); the name in field 2 may itself hold spaces and parentheses. */
static unsigned long long start_time(pid_t pid)
{
	char path[40], text[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = 0;
	char *p = strrchr(text, ')');
	if (!p)
		return 0;
	p++;
	for (int field = 3; field <= 22; field++) {
		p = strchr(p, ' ');
		if (!p)
			return 0;
		p++;
		if (field == 22)
			return strtoull(p, NULL, 10);
	}
	return 0;
}

static void zygote_ended(int status)
{
	long long lived = now_ms() - zygote_started;
	if (lived >= STABLE_MS)
		backoff_ms = BACKOFF_MIN_MS;
	say("zygote ended with wait status 0x%x after %lld ms, next start in %ld ms", status, lived, backoff_ms);
	zygote = 0;
	zygote_due = now_ms() + backoff_ms;
	backoff_ms = backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : backoff_ms * 2;
}

static void reap(void)
{
	for (;;) {
		siginfo_t info = {0};
		/* WNOWAIT: the process stays a zombie, so that its start time can still be read. */
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
			return;
		unsigned long long start = start_time(info.si_pid);
		int status = 0;
		if (waitpid(info.si_pid, &status, WNOHANG) != info.si_pid)
			continue;
		char rest[100];
		snprintf(rest, sizeof rest, "%d %llu %d", (int)info.si_pid, start, status);
		publish("exit", rest);
		if (info.si_pid == zygote)
			zygote_ended(status);
	}
}

/*
 * The machine configuration holds every secret of the node. A container gets it in its environment, which every child
 * would inherit; here it becomes a file that only root reads, and machined alone is given it back.
 */
static int hide_secret(const char *name)
{
	char path[64];
	const char *value = getenv(name);
	if (!value)
		return 0;
	snprintf(path, sizeof path, RUN_DIR "/%s", name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t left = strlen(value);
	for (const char *p = value; fd >= 0 && left;) {
		ssize_t n = write(fd, p, left);
		if (n < 0)
			break;
		p += n;
		left -= (size_t)n;
	}
	if (fd < 0 || left || close(fd) < 0) {
		say("cannot write %s: %s", path, strerror(errno));
		return -1;
	}
	unsetenv(name);
	return 0;
}

static void start_zygote(void)
{
	zygote_started = now_ms();
	pid_t pid = fork();
	if (pid == 0) {
		static char *const argv[] = {ZYGOTE, NULL};
		sigset_t none;
		setsid();
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execv(ZYGOTE, argv); /* environment: PID 1's own without secrets */
		say("cannot execute %s: %s", ZYGOTE, strerror(errno));
		_exit(127);
	}
	if (pid < 0) {
		say("cannot fork: %s", strerror(errno));
		zygote_due = now_ms() + BACKOFF_MAX_MS;
		return;
	}
	zygote = pid;
}

/* Everything that machined left running gets SIGTERM, GRACE_MS of time, then SIGKILL. Returns when nobody is left. */
static void end_processes(const sigset_t *handled)
{
	static const int signals[] = {SIGTERM, SIGKILL};
	for (int i = 0; i < 2; i++) {
		long long deadline = now_ms() + GRACE_MS;
		kill(-1, signals[i]);
		for (;;) {
			siginfo_t info = {0};
			if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 && errno == ECHILD)
				return;
			if (info.si_pid != 0)
				continue;
			long long left = deadline - now_ms();
			if (left <= 0)
				break;
			struct timespec wait = {left / 1000, left % 1000 * 1000000};
			sigtimedwait(handled, NULL, &wait);
		}
	}
}

/* SysRq by root, whatever kernel.sysrq says: s writes back, u makes every file system read-only (sysrq.rst). */
static void sysrq(const char *key)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, key, 1) != 1)
		say("sysrq %s: %s", key, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/*
 * In a container the host's kernel plays the firmware: the status tells the monitor what to do. No sync(2): the page
 * cache belongs to the host and outlives us, and flushing it would wait for every other disk of that host.
 * On a machine nothing outlives us: what is written is written, and the watchdog stays armed until the firmware.
 */
static void end_node(const struct ending *ending, const sigset_t *handled)
{
	say("%s", ending->command);
	end_processes(handled);
	if (!on_machine)
		_exit(ending->status);
	sync();
	sysrq("u");
	sync();
	reboot(ending->kernel);
	say("the kernel refuses to %s: %s", ending->command, strerror(errno));
	_exit(EXIT_FAILED); /* panics, and restarts by panic= */
}

static void obey(char *command, const sigset_t *handled)
{
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (!strcmp(command, endings[i].command))
			end_node(&endings[i], handled);
	if (!strcmp(command, "confirm")) {
		if (confirm_by_ms)
			say("this boot is confirmed");
		confirm_by_ms = 0;
	} else if (!strncmp(command, "watchdog ", 9)) {
		watchdog_set(command + 9, WATCHDOG);
	} else {
		say("unknown command on " CONTROL ": %.40s (known: poweroff, halt, reboot, confirm, watchdog)", command);
	}
}

static void read_control(int fd, const sigset_t *handled)
{
	static char pending[128];
	static size_t filled;
	char c;
	while (read(fd, &c, 1) == 1) {
		if (c == '\n') {
			pending[filled] = 0;
			filled = 0;
			obey(pending, handled);
		} else if (filled < sizeof pending - 1) {
			pending[filled++] = c;
		}
	}
}

static void take_signal(int number)
{
	char rest[16];
	if (number == SIGCHLD)
		return;
	snprintf(rest, sizeof rest, "%d", number);
	publish("signal", rest);
	/* With no zygote there is nobody who could act on it: the node would ignore its operator for ever. */
	if (zygote == 0 && (number == SIGTERM || number == SIGINT || number == SIGPWR)) {
		sigset_t chld;
		sigemptyset(&chld);
		sigaddset(&chld, SIGCHLD);
		say("signal without a running zygote");
		end_node(POWEROFF, &chld);
	}
}

/* Seconds of NAME=SECONDS on the kernel's command line, or `otherwise`. */
static long long seconds_of(const char *name, long long otherwise)
{
	static char text[4096];
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	text[n > 0 ? n : 0] = 0;
	if (fd >= 0)
		close(fd);
	for (char *word = strtok(text, " \n"); word; word = strtok(NULL, " \n")) {
		size_t length = strlen(name);
		if (!strncmp(word, name, length) && word[length] == '=')
			otherwise = strtoll(word + length + 1, NULL, 10);
	}
	return otherwise;
}

/*
 * What stands behind PID 1 on a machine. The watchdog, which the first stage armed and left open as the descriptor
 * `inherited`, restarts it when the kernel or this loop stands still. The deadline restarts it when everything runs and
 * nobody says within the time that the node works: a slot with a broken Python would otherwise stay for ever. Either way
 * the boot loader has counted the attempt.
 */
static void become_machine(const char *inherited)
{
	on_machine = 1;
	reboot(LINUX_REBOOT_CMD_CAD_OFF); /* ctrl-alt-del becomes SIGINT: an orderly shutdown */
	long long deadline = seconds_of("talos.boot.deadline", BOOT_DEADLINE_S);
	confirm_by_ms = deadline > 0 ? now_ms() + deadline * 1000 : 0;
	int watchdog = inherited ? atoi(inherited) : -1;
	if (watchdog < 0)
		watchdog = open("/dev/watchdog0", O_WRONLY | O_CLOEXEC);
	if (watchdog < 0)
		say("no watchdog: a machine that stands still is not restarted");
	watchdog_take(watchdog);
}

/* What is due on a machine; returns milliseconds until the next thing is, at most `timeout`, which may be -1. */
static int keep_machine(int timeout, const sigset_t *handled)
{
	long long now = now_ms(), next = watchdog_feed(now);
	if (confirm_by_ms) {
		if (now >= confirm_by_ms) {
			say("nobody confirmed this boot in time");
			end_node(REBOOT, handled);
		}
		if (next < 0 || confirm_by_ms - now < next)
			next = confirm_by_ms - now;
	}
	return next >= 0 && (timeout < 0 || next < timeout) ? (int)next : timeout;
}

int main(int argc, char **argv)
{
	if (getpid() != 1) {
		say("this program is PID 1 of a node and does nothing else");
		return EXIT_FAILED;
	}
	umask(022);
	if ((mkdir(RUN_DIR, 0700) < 0 && errno != EEXIST) || open_events() < 0) {
		say("cannot write %s: %s (is a tmpfs mounted at /run?)", EVENTS, strerror(errno));
		return EXIT_FAILED;
	}
	if (hide_secret("USERDATA") < 0)
		return EXIT_FAILED;
	if (mkfifo(CONTROL, 0600) < 0 && errno != EEXIST) {
		say("cannot make %s: %s", CONTROL, strerror(errno));
		return EXIT_FAILED;
	}
	/* Read and write: with a writer always present, the end of a client is not an end of file here. */
	int control = open(CONTROL, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	sigset_t handled;
	sigemptyset(&handled);
	sigaddset(&handled, SIGCHLD);
	static const int published[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPWR};
	for (size_t i = 0; i < sizeof published / sizeof *published; i++)
		sigaddset(&handled, published[i]);
	for (int number = SIGRTMIN; number <= SIGRTMIN + 6; number++) /* systemd(1): SIGRTMIN+3 is a container's halt */
		sigaddset(&handled, number);
	sigprocmask(SIG_BLOCK, &handled, NULL);
	int signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	if (control < 0 || signals < 0) {
		say("cannot set up: %s", strerror(errno));
		return EXIT_FAILED;
	}

	if (argc > 1 && !strcmp(argv[1], "machine"))
		become_machine(argc > 2 ? argv[2] : NULL);

	for (;;) {
		if (zygote == 0 && now_ms() >= zygote_due)
			start_zygote();
		int timeout = -1;
		if (zygote == 0) {
			long long left = zygote_due - now_ms();
			timeout = left > 0 ? (int)left : 0;
		}
		struct pollfd wait[] = {{signals, POLLIN, 0}, {control, POLLIN, 0}};
		poll(wait, 2, keep_machine(timeout, &handled));
		struct signalfd_siginfo info;
		while (read(signals, &info, sizeof info) == sizeof info)
			take_signal((int)info.ssi_signo);
		reap();
		if (wait[1].revents & POLLIN)
			read_control(control, &handled);
	}
}
