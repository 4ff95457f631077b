/*
 * The slot that this system was started from: the unified kernel image on the boot partition, which holds the same
 * images as the initramfs, uncompressed. Opened there, they need no memory; the copies in the initramfs are removed.
 *
 * Nothing is trusted that is found here: dm-verity compares every block with the root hash of the first stage, as it
 * does in memory. Whatever is not as expected (ISO, network, a disk whose driver is not among the first stage's
 * modules, a file that was exchanged) means that the copy in memory is used.
 *
 * systemd-stub tells partition and file (StubDevicePartUUID, StubImageIdentifier; Boot Loader Interface). The file
 * system stays mounted below the loop device and is seen nowhere; it is writable, since the node mounts it again to count
 * boots, and two mounts of a file system cannot differ in that.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stage1.h"

#define VARIABLES "/sys/firmware/efi/efivars"
#define LOADER "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define ATTRIBUTES 4
#define SECTIONS_MAX 64
#define ENTRIES_MAX 128
#define MOUNTED "/slot"
#define SLOT "/EFI/Linux/talos-"

/* An EFI variable of the loader as ASCII, "" when there is none. */
static void loader_variable(const char *name, char *text, size_t size)
{
	unsigned char data[1024];
	char path[128];
	size_t length = 0;
	snprintf(path, sizeof path, VARIABLES "/%s" LOADER, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, data, sizeof data);
	if (fd >= 0)
		close(fd);
	for (ssize_t at = ATTRIBUTES; at + 1 < got && length + 1 < size && data[at]; at += 2)
		text[length++] = data[at + 1] ? '?' : (char)data[at];
	text[length] = 0;
}

static uint64_t number(const unsigned char *at, int bytes)
{
	uint64_t value = 0;
	while (bytes--)
		value = value << 8 | at[bytes];
	return value;
}

/* A partition's UUID as GPT stores it, compared with a text: the first three fields are little-endian. */
static int is_uuid(const unsigned char *id, const char *text)
{
	char line[40];
	snprintf(line, sizeof line, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", (unsigned)number(id, 4),
		 (unsigned)number(id + 4, 2), (unsigned)number(id + 6, 2), id[8], id[9], id[10], id[11], id[12], id[13],
		 id[14], id[15]);
	return !strcasecmp(line, text);
}

/* Number of the partition with that UUID on an open disk (GPT; UEFI specification 5.3), 0 when it has none. */
static unsigned partition_number(int disk, const char *uuid)
{
	for (unsigned sector = 512; sector <= 4096; sector *= 8) {
		unsigned char head[92], entry[128];
		if (pread(disk, head, sizeof head, sector) != sizeof head || memcmp(head, "EFI PART", 8))
			continue;
		off_t table = (off_t)number(head + 72, 8) * sector;
		unsigned count = (unsigned)number(head + 80, 4), size = (unsigned)number(head + 84, 4);
		for (unsigned i = 0; i < count && i < ENTRIES_MAX && size >= sizeof entry; i++)
			if (pread(disk, entry, sizeof entry, table + (off_t)i * size) == sizeof entry &&
			    is_uuid(entry + 16, uuid))
				return i + 1;
	}
	return 0;
}

/* Path of the partition with that UUID: sysfs does not tell it. */
static int find_partition(const char *uuid, char *device, size_t size)
{
	DIR *folder = opendir("/sys/block");
	struct dirent *entry;
	unsigned found = 0;
	while (folder && !found && (entry = readdir(folder))) {
		const char *name = entry->d_name;
		if (*name == '.' || !strncmp(name, "loop", 4) || !strncmp(name, "ram", 3) || !strncmp(name, "sr", 2))
			continue;
		snprintf(device, size, "/dev/%s", name);
		int disk = open(device, O_RDONLY | O_CLOEXEC);
		if (disk < 0)
			continue;
		found = partition_number(disk, uuid);
		close(disk);
		if (found)
			snprintf(device, size, "/dev/%s%s%u", name, isdigit((unsigned char)name[strlen(name) - 1]) ? "p" : "",
				 found);
	}
	if (folder)
		closedir(folder);
	return found > 0;
}

/* Where the section .initrd begins in a unified kernel image (PE/COFF), 0 when it is none. */
static uint32_t initrd_offset(int fd)
{
	unsigned char head[64], coff[24], section[40];
	if (pread(fd, head, sizeof head, 0) != sizeof head || memcmp(head, "MZ", 2))
		return 0;
	uint32_t at = (uint32_t)number(head + 0x3c, 4);
	if (pread(fd, coff, sizeof coff, at) != sizeof coff || memcmp(coff, "PE\0\0", 4))
		return 0;
	uint32_t count = (uint32_t)number(coff + 6, 2);
	at += (uint32_t)(sizeof coff + number(coff + 20, 2));
	for (uint32_t i = 0; i < count && i < SECTIONS_MAX; i++, at += sizeof section) {
		if (pread(fd, section, sizeof section, at) != sizeof section)
			return 0;
		if (!memcmp(section, ".initrd\0", 8))
			return (uint32_t)number(section + 20, 4);
	}
	return 0;
}

/* Whether the file holds at `offset` what the copy in memory does, as far as its ends tell: the rest is dm-verity's. */
static int same_ends(int slot, unsigned long long offset, const char *copy)
{
	char ours[4096], theirs[4096];
	struct stat about;
	int fd = open(copy, O_RDONLY | O_CLOEXEC), same = fd >= 0 && !fstat(fd, &about);
	for (int end = 0; same && end < 2; end++) {
		off_t at = end ? about.st_size - (off_t)sizeof ours : 0;
		same = pread(fd, ours, sizeof ours, at) == sizeof ours &&
		       pread(slot, theirs, sizeof theirs, (off_t)offset + at) == sizeof theirs &&
		       !memcmp(ours, theirs, sizeof ours);
	}
	if (fd >= 0)
		close(fd);
	return same;
}

int open_slot(unsigned long long *initrd)
{
	char uuid[64], name[256], device[280], path[300];
	int fd = -1;

	if (mount("efivarfs", VARIABLES, "efivarfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
		if (errno != ENOENT) /* no UEFI */
			say("efivarfs: %s; the root stays in memory", strerror(errno));
		return -1;
	}
	loader_variable("StubDevicePartUUID", uuid, sizeof uuid);
	loader_variable("StubImageIdentifier", name, sizeof name);
	umount(VARIABLES);
	for (char *c = name; *c; c++)
		if (*c == '\\')
			*c = '/';
	/* A slot's name (talos.slots.entry): a medium that installs may be taken out while the system runs. */
	if (strncasecmp(name, SLOT, strlen(SLOT)) || strstr(name, ".."))
		return -1;
	if (!find_partition(uuid, device, sizeof device)) {
		say("the partition %s is not there yet; the root stays in memory", uuid);
		return -1;
	}
	mkdir(MOUNTED, 0700);
	if (mount(device, MOUNTED, "vfat", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
		say("%s: %s; the root stays in memory", device, strerror(errno));
		rmdir(MOUNTED);
		return -1;
	}
	snprintf(path, sizeof path, MOUNTED "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	*initrd = fd < 0 ? 0 : initrd_offset(fd);
	umount2(MOUNTED, MNT_DETACH); /* the open file holds it */
	rmdir(MOUNTED);
	if (fd >= 0 && !*initrd) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		say("%s on %s cannot be used; the root stays in memory", name, device);
	else
		say("the root is read from %s on %s", name, device);
	return fd;
}

int slot_holds(int slot, unsigned long long offset, const char *copy)
{
	return slot >= 0 && same_ends(slot, offset, copy);
}
