/*
 * The first stage of a machine: the /init of the initramfs. It does for a machine what runc does for a container node:
 * loads the modules that reach the root, verifies and mounts it, makes the mounts that PID 1 expects, and becomes
 * /sbin/init. It reads no configuration, opens no network and changes no file.
 *
 * The initramfs holds: /root.squashfs and /modules.squashfs, each followed by its hash tree; /images, one line
 * "NAME BYTES ROOTHASH OFFSET" for each (OFFSET in the initramfs); /arguments, what the kernel must have been started
 * with; /modules.list and /modules for what must be loaded first; /beside.list, what is loaded ahead out of the root.
 *
 * switch_root(8) by hand: the initramfs cannot be left by pivot_root(2), so the new root is moved over it. Images that
 * are not opened in the slot (slot.c) stay in memory below it, held by their loop devices; everything else in the
 * initramfs is removed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <linux/watchdog.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stage1.h"

#define STRICT (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define READING_TIME_S 10
#define WATCHDOG_S 120 /* until PID 1 takes it over: seconds of an emulated machine on a busy host included */
#define ARGUMENTS_MAX 4096
#define VERIFIED "/run/init/root-verified"
/* Sums of blocks are computed ahead of everything else, whoever asks for them: not while a machine starts. A slot is not
 * confirmed before; a system without one has nothing that could be, and is read at once. */
#define LATER_S 15

struct mounted {
	const char *type, *target;
	unsigned long flags;
	const char *options;
	int optional;
};

/* Before the root is there. */
static const struct mounted early[] = {
	{"proc", "/proc", STRICT, NULL, 0},
	{"sysfs", "/sys", STRICT, NULL, 0},
	{"devtmpfs", "/dev", MS_NOSUID, "mode=0755", 0},
};

/* Below the new root, in this order. /var is memory until the EPHEMERAL volume is mounted over it. */
static const struct mounted late[] = {
	{"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5", 0},
	{"tmpfs", "/dev/shm", STRICT, "mode=1777", 0},
	{"mqueue", "/dev/mqueue", STRICT, NULL, 1},
	{"hugetlbfs", "/dev/hugepages", MS_NOSUID | MS_NODEV, NULL, 1},
	{"cgroup2", "/sys/fs/cgroup", STRICT, "nsdelegate", 0},
	{"bpf", "/sys/fs/bpf", STRICT, "mode=0700", 1},
	{"pstore", "/sys/fs/pstore", STRICT, NULL, 1},
	{"securityfs", "/sys/kernel/security", STRICT, NULL, 1},
	{"tracefs", "/sys/kernel/tracing", STRICT, NULL, 1},
	{"efivarfs", "/sys/firmware/efi/efivars", STRICT, NULL, 1},
	{"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755", 0},
	{"tmpfs", "/system", MS_NOSUID | MS_NODEV, "mode=0755", 0},
	{"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777", 0},
	{"tmpfs", "/var", MS_NOSUID | MS_NODEV, "mode=0755", 0},
};

void say(const char *format, ...)
{
	char line[512];
	int n = snprintf(line, sizeof line, "[stage1] ");
	va_list args;
	va_start(args, format);
	n += vsnprintf(line + n, sizeof line - n - 1, format, args);
	va_end(args);
	if (n > (int)sizeof line - 2)
		n = sizeof line - 2;
	line[n++] = '\n';
	(void)!write(2, line, n);
}

void give_up(const char *format, ...)
{
	char line[400];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	say("%s", line);
	say("this system cannot be started; restarting in %d s", READING_TIME_S);
	sleep(READING_TIME_S);
	reboot(LINUX_REBOOT_CMD_RESTART);
	_exit(1); /* the kernel panics, and restarts by panic= */
}

static void mount_all(const struct mounted *list, size_t count, const char *base)
{
	for (const struct mounted *m = list; m < list + count; m++) {
		char target[128];
		snprintf(target, sizeof target, "%s%s", base, m->target);
		mkdir(target, 0755);
		if (mount(m->type, target, m->type, m->flags, m->options) < 0 && !m->optional)
			give_up("%s cannot be mounted at %s: %s", m->type, m->target, strerror(errno));
	}
}

/* devtmpfs is empty until now: messages so far went to the initramfs' own /dev/console. */
static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);
	for (int i = 0; fd >= 0 && i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static void read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);
	text[n > 0 ? n : 0] = 0;
	if (fd >= 0)
		close(fd);
}

/* Value of the last NAME=VALUE of the kernel's command line. */
static void argument(const char *name, char *value, size_t size)
{
	char text[ARGUMENTS_MAX];
	read_text("/proc/cmdline", text, sizeof text);
	for (char *word = strtok(text, " \n"); word; word = strtok(NULL, " \n"))
		if (!strncmp(word, name, strlen(name)) && word[strlen(name)] == '=')
			snprintf(value, size, "%s", word + strlen(name) + 1);
}

/*
 * The command line lies outside of what the hash trees and checksums cover. Every argument that this system was built
 * with must be there, so a damaged one, or one that was taken away, is noticed; more may follow.
 */
static void check_arguments(void)
{
	char given[ARGUMENTS_MAX], wanted[ARGUMENTS_MAX], *place;
	read_text("/arguments", wanted, sizeof wanted);
	for (char *word = strtok_r(wanted, " \n", &place); word; word = strtok_r(NULL, " \n", &place)) {
		int found = 0;
		read_text("/proc/cmdline", given, sizeof given);
		for (char *have = strtok(given, " \n"); have && !found; have = strtok(NULL, " \n"))
			found = !strcmp(have, word);
		if (!found)
			give_up("the kernel was started without its argument %s", word);
	}
}

/*
 * From here on a machine that stands still restarts. The descriptor is left open for PID 1 to take over: a watchdog that
 * is closed and opened again runs on, but complains on the console.
 */
static int arm_watchdog(void)
{
	int timeout = WATCHDOG_S, fd = open("/dev/watchdog0", O_WRONLY);
	if (fd >= 0)
		ioctl(fd, WDIOC_SETTIMEOUT, &timeout);
	return fd;
}

/* From the slot where there is one, else from the copy in memory, which goes in any case: by name at least. */
static void mount_image(const char *name, const char *target, int slot, unsigned long long initrd, const char **device)
{
	char line[256], found[64], hash[80], file[96];
	unsigned long long bytes, offset;
	struct stat about;
	FILE *list = fopen("/images", "re");
	while (list && fgets(line, sizeof line, list)) {
		if (sscanf(line, "%63s %llu %79s %llu", found, &bytes, hash, &offset) != 4 || strcmp(found, name))
			continue;
		fclose(list);
		snprintf(file, sizeof file, "/%s.squashfs", name);
		int copy = open(file, O_RDONLY | O_CLOEXEC);
		if (copy < 0 || fstat(copy, &about) < 0)
			give_up("%s: %s", file, strerror(errno));
		int held = slot_holds(slot, initrd + offset, file);
		if (slot >= 0 && !held)
			say("the slot holds another %s; it stays in memory", name);
		*device = held ? open_verified(name, slot, initrd + offset, (unsigned long long)about.st_size, bytes, hash)
			       : open_verified(name, copy, 0, 0, bytes, hash);
		close(copy);
		if (mount(*device, target, "squashfs", MS_RDONLY | MS_NODEV, NULL) < 0)
			give_up("%s cannot be mounted: %s", name, strerror(errno));
		unlink(file);
		return;
	}
	give_up("/images of the initramfs does not describe %s", name);
}

/*
 * What the boot stub hands over of the image that it measured (systemd-stub(7), /.extra): the signature that a TPM asks
 * for, and its public key. Held while the root is entered, then kept in /run/init for whoever opens the disks.
 */
static const char *const handed_over[] = {"tpm2-pcr-signature.json", "tpm2-pcr-public-key.pem"};
static int held[sizeof handed_over / sizeof *handed_over];

static void hold_signature(void)
{
	for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
		char path[64];
		snprintf(path, sizeof path, "/.extra/%s", handed_over[i]);
		held[i] = open(path, O_RDONLY | O_CLOEXEC);
		unlink(path);
	}
}

static void keep_signature(void)
{
	for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
		char path[64], data[8192];
		ssize_t n = held[i] < 0 ? -1 : read(held[i], data, sizeof data);
		if (held[i] >= 0)
			close(held[i]);
		if (n <= 0)
			continue;
		snprintf(path, sizeof path, "/run/init/%s", handed_over[i]);
		int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0400);
		if (out < 0 || write(out, data, n) != n)
			say("%s: %s", path, strerror(errno));
		if (out >= 0)
			close(out);
	}
}

/*
 * The zygote makes the groups; here their controllers are switched on, and the first group is made. The kernel patches the
 * code of its page allocator for that, and now nothing else runs. An emulator of two processors (QEMU 7.2) may execute
 * what is being patched, and the machine stops with "int3".
 */
static void begin_control_groups(void)
{
	char controllers[256], word[80], *place;
	int fd = open("/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
	read_text("/sys/fs/cgroup/cgroup.controllers", controllers, sizeof controllers);
	for (char *name = strtok_r(controllers, " \n", &place); name; name = strtok_r(NULL, " \n", &place)) {
		int length = snprintf(word, sizeof word, "+%s", name);
		if (write(fd, word, length) < 0)
			say("control groups: %s: %s", name, strerror(errno)); /* the zygote tries again */
	}
	if (fd >= 0)
		close(fd);
	mkdir("/sys/fs/cgroup/init", 0755);
}

static void remove_rest(void)
{
	char line[128];
	FILE *list = fopen("/modules.list", "re");
	while (list && fgets(line, sizeof line, list)) {
		char path[160];
		line[strcspn(line, "\n")] = 0;
		snprintf(path, sizeof path, "/modules/%s", line + (line[0] == '-'));
		unlink(path);
	}
	unlink("/modules.list");
	unlink("/beside.list");
	unlink("/images");
	unlink("/arguments");
	unlink("/init");
}

int main(void)
{
	const char *devices[3] = {0};
	char platform[64] = "metal", variable[80], inherited[16], beside[ARGUMENTS_MAX];
	unsigned long long initrd = 0;
	int slot, watchdog;

	if (getpid() != 1) {
		say("this program is the first process of a machine and does nothing else");
		return 1;
	}
	umask(0);
	mount_all(early, sizeof early / sizeof *early, "");
	open_console();
	check_arguments();
	load_modules("/modules.list", "/modules");
	watchdog = arm_watchdog();
	mkdir("/root", 0755);
	slot = open_slot(&initrd);
	mount_image("root", "/root", slot, initrd, &devices[0]);
	mount_image("modules", "/root/usr/lib/modules", slot, initrd, &devices[1]);
	if (slot >= 0)
		close(slot);
	hold_signature();
	read_text("/beside.list", beside, sizeof beside);
	remove_rest();
	argument("talos.platform", platform, sizeof platform);

	for (size_t i = 0; i < sizeof early / sizeof *early; i++) {
		char target[64];
		snprintf(target, sizeof target, "/root%s", early[i].target);
		if (mount(early[i].target, target, NULL, MS_MOVE, NULL) < 0)
			give_up("%s cannot be moved: %s", early[i].target, strerror(errno));
	}
	if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		give_up("the root cannot be entered: %s", strerror(errno));
	mount_all(late, sizeof late / sizeof *late, "");
	/* Mounts made inside must reach pods (mount_namespaces(7)). */
	mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL);
	mkdir("/run/init", 0700);
	keep_signature();
	umask(022);
	begin_control_groups();
	load_beside(beside, "/usr/lib/modules");
	verify_whole(devices, VERIFIED, slot >= 0 ? LATER_S : 0);

	snprintf(variable, sizeof variable, "PLATFORM=%s", platform);
	snprintf(inherited, sizeof inherited, "%d", watchdog);
	char *const arguments[] = {"init", "machine", inherited, NULL};
	char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=linux", variable, NULL};
	execve("/sbin/init", arguments, environment);
	give_up("/sbin/init: %s", strerror(errno));
}
