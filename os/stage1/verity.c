/*
 * A verified block device: loop device below dm-verity. The file holds the data and behind it the hash tree without a
 * superblock; its root hash is part of this first stage, which the kernel verified by checksum, or the firmware by
 * signature.
 *
 * Rejected: hashing the whole image before it is mounted (seconds on a slow machine, for blocks that most boots never
 * read); no verification at all without Secure Boot, as a damaged disk is no attacker and far more frequent.
 * The whole is read once all the same, later and idle (verify_whole): a slot with damage in a corner must not be
 * confirmed as healthy.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "stage1.h"

#define BLOCK 4096ULL
#define PIECE (256 * 1024)
#define IDLE_FOR_S 60

static void attach_loop(const char *name, int backing, unsigned long long offset, unsigned long long bytes, char *device,
			size_t size)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	if (number < 0)
		give_up("no loop device: %s", strerror(errno));
	close(control);
	snprintf(device, size, "/dev/loop%d", number);
	int loop = open(device, O_RDONLY | O_CLOEXEC);
	if (loop < 0)
		give_up("%s: %s", device, strerror(errno));
	struct loop_config config = {.fd = (unsigned)backing, .block_size = 4096};
	config.info.lo_flags = LO_FLAGS_READ_ONLY;
	config.info.lo_offset = offset;
	config.info.lo_sizelimit = bytes;
	if (ioctl(loop, LOOP_CONFIGURE, &config) < 0)
		give_up("%s on %s: %s", name, device, strerror(errno));
	/* Kept open on purpose until the mapping holds it: a loop device without a user may be taken by another. */
}

static void dm(int control, unsigned long request, void *buffer, const char *what)
{
	if (ioctl(control, request, buffer) < 0)
		give_up("dm-verity, %s: %s", what, strerror(errno));
}

static struct dm_ioctl *prepare(char *buffer, size_t size, const char *name)
{
	memset(buffer, 0, size);
	struct dm_ioctl *header = (struct dm_ioctl *)buffer;
	header->version[0] = DM_VERSION_MAJOR;
	header->data_size = (unsigned)size;
	header->data_start = sizeof *header;
	snprintf(header->name, sizeof header->name, "%s", name);
	return header;
}

const char *open_verified(const char *name, int file, unsigned long long offset, unsigned long long bytes,
			  unsigned long long data_bytes, const char *root_hash)
{
	static char paths[4][32];
	static int used;
	char loop[32], buffer[4096];
	unsigned long long blocks = data_bytes / BLOCK;

	if (used == 4 || data_bytes % BLOCK)
		give_up("%s is not described as this first stage expects it", name);
	attach_loop(name, file, offset, bytes, loop, sizeof loop);
	int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		give_up("/dev/mapper/control: %s", strerror(errno));

	struct dm_ioctl *header = prepare(buffer, sizeof buffer, name);
	dm(control, DM_DEV_CREATE, header, "create");

	header = prepare(buffer, sizeof buffer, name);
	header->target_count = 1;
	header->flags = DM_READONLY_FLAG;
	struct dm_target_spec *target = (struct dm_target_spec *)(buffer + header->data_start);
	target->length = data_bytes / 512;
	strcpy(target->target_type, "verity");
	/* No salt: the tree is public, and the same data must give the same bytes. */
	snprintf((char *)(target + 1), sizeof buffer - header->data_start - sizeof *target,
		 "1 %s %s %llu %llu %llu %llu sha256 %s - 1 panic_on_corruption", loop, loop, BLOCK, BLOCK, blocks, blocks,
		 root_hash);
	dm(control, DM_TABLE_LOAD, header, "load");

	header = prepare(buffer, sizeof buffer, name);
	dm(control, DM_DEV_SUSPEND, header, "resume"); /* without DM_SUSPEND_FLAG: resumes */
	unsigned device = minor(header->dev);
	close(control);
	snprintf(paths[used], sizeof paths[used], "/dev/dm-%u", device);
	return paths[used++];
}

void verify_whole(const char *const devices[], const char *done, unsigned later_s)
{
	pid_t child = fork();
	if (child != 0) {
		if (child < 0)
			say("the root is not read whole: %s", strerror(errno));
		return;
	}
	struct sched_param none = {0};
	sched_setscheduler(0, SCHED_IDLE, &none);
	struct timespec began, now;
	sleep(later_s);
	clock_gettime(CLOCK_MONOTONIC, &began);
	/* Past the page cache: what nobody asked for needs no memory. */
	void *piece = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (; *devices && piece != MAP_FAILED; devices++) {
		int fd = open(*devices, O_RDONLY | O_DIRECT | O_CLOEXEC);
		ssize_t got = -1;
		while (fd >= 0 && (got = read(fd, piece, PIECE)) > 0) {
			/* A machine that is never idle would never come to its end, and its slot never be confirmed. */
			clock_gettime(CLOCK_MONOTONIC, &now);
			if (now.tv_sec - began.tv_sec >= IDLE_FOR_S)
				sched_setscheduler(0, SCHED_OTHER, &none);
		}
		if (got < 0) {
			say("%s cannot be read whole: %s", *devices, strerror(errno));
			_exit(1);
		}
		close(fd);
	}
	int fd = open(done, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
	_exit(fd < 0);
}
