/* What the files of the first stage share. */
#ifndef STAGE1_H
#define STAGE1_H

#include <stddef.h>

/* One line on the console. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* Says why this system cannot be started, waits so that it can be read, and restarts the machine: the boot loader
 * counts the attempt and takes the other slot when none is left. */
__attribute__((format(printf, 1, 2), noreturn)) void give_up(const char *format, ...);

/* Loads the modules that a list names, in its order. A line that begins with '-' may fail. */
void load_modules(const char *list, const char *folder);

/* Loads modules out of the root, paths below `folder` one a line, in a process of its own. Whoever needs one loads it too,
 * and waits in the kernel where this is not done. */
void load_beside(char *list, const char *folder);

/* Attaches what begins at `offset` of an open file and has its hash tree behind it, `bytes` with the tree, read-only, and
 * returns the path of the verified block device. */
const char *open_verified(const char *name, int file, unsigned long long offset, unsigned long long bytes,
			  unsigned long long data_bytes, const char *root_hash);

/* The unified kernel image on the boot partition that this system was started from, -1 where there is none, and where
 * the initramfs begins in it. */
int open_slot(unsigned long long *initrd);

/* Whether the slot's file holds at `offset` the image of which a copy lies in memory. */
int slot_holds(int slot, unsigned long long offset, const char *copy);

/* Reads the verified devices whole, in the background and after so many seconds, and then creates `done`. Damage anywhere
 * ends in a panic. */
void verify_whole(const char *const devices[], const char *done, unsigned later_s);

#endif
