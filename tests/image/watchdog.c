/*
 * os/init/watchdog.c with a clock that is told and a driver's answers; the devices are pseudoterminals, so that what is
 * written is read at their other end. Commands on standard input, one a line:
 *   take PATH        the machine's own
 *   set COMMAND      as PID 1 gets it; prints the answer
 *   feed MS          it is so late now; prints when something is due again
 */
#define _GNU_SOURCE
#include "watchdog.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_S 100

static long long now;

long long now_ms(void)
{
	return now;
}

void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/* What the watchdog core answers (drivers/watchdog/watchdog_dev.c): a refused length, nowayout, a fixed timeout. */
int __wrap_ioctl(int fd, unsigned long request, int *value)
{
	(void)fd;
	if (request == WDIOC_SETTIMEOUT && getenv("FIXED"))
		errno = EOPNOTSUPP;
	else if (request == WDIOC_SETTIMEOUT && *value > LONGEST_S)
		errno = EINVAL;
	else if (request == WDIOC_SETOPTIONS && getenv("NOWAYOUT"))
		errno = EBUSY;
	else if (request == WDIOC_GETTIMEOUT)
		return *value = atoi(getenv("FIXED")), 0;
	else
		return 0;
	return -1;
}

int main(int argc, char **argv)
{
	char line[160];
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (argc == 2 && fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "take ", 5)) {
			watchdog_take(open(line + 5, O_WRONLY | O_NOCTTY));
			printf("taken\n");
		} else if (!strncmp(line, "feed ", 5)) {
			now = atoll(line + 5);
			printf("%lld\n", watchdog_feed(now));
		} else if (!strncmp(line, "set ", 4)) {
			watchdog_set(line + 4, argv[1]);
			FILE *answer = fopen(argv[1], "re");
			printf("%s", answer && fgets(line, sizeof line, answer) ? line : "no answer\n");
			if (answer)
				fclose(answer);
		}
	}
	return 0;
}
