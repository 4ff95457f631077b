/*
 * First stages that do all of their work and then, in place of PID 1, break in the way that BREAK names: a slot that is
 * well until the moment at which the system would begin.
 */
#define _GNU_SOURCE
#include <unistd.h>

static int broken(const char *path, char *const arguments[], char *const environment[]);
#define main first_stage
#define execve broken
#include "../../os/stage1/stage1.c"
#undef main
#undef execve

#define PANIC 1 /* the kernel panics, and restarts by panic= */
#define HANG 2	/* PID 1 stands still: the watchdog that the first stage armed is fed by nobody */
#define EXIT 3	/* PID 1 ends */

static int broken(const char *path, char *const arguments[], char *const environment[])
{
	(void)path, (void)arguments, (void)environment;
	say("a broken system begins here");
	if (BREAK == PANIC) {
		int fd = open("/proc/sysrq-trigger", O_WRONLY);
		(void)!write(fd, "c", 1);
	}
	if (BREAK == EXIT)
		_exit(1);
	for (;;)
		pause();
}

int main(void)
{
	return first_stage();
}
