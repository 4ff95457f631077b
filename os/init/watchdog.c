/*
 * The watchdogs of a machine (watchdog-api.rst of the kernel): its own, which the first stage armed and which restarts a
 * machine whose kernel or PID 1 stands still, and the one that a WatchdogTimerConfig names, if that is another device.
 *
 * A device opens once. So PID 1, which holds the first from the start, holds both, and is told which timeout is wanted:
 * one place that feeds, and machined may be restarted without a machine that restarts.
 */
#define _GNU_SOURCE
#include "watchdog.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define OWN_S 60 /* of the machine's own, while nobody asks for something else */
#define FEEDS 3	 /* as often within a timeout */
#define MOST_S 1000000 /* in milliseconds an int */
#define MISC_MAJOR 10
#define WATCHDOG_MINOR 130 /* /dev/watchdog: the older name of /dev/watchdog0 (devices.txt) */

struct held {
	int fd;
	dev_t device;
	int timeout_s;
	long long due;
};
static struct held own = {.fd = -1}, other = {.fd = -1};

static int interval_ms(const struct held *held)
{
	return held->timeout_s * 1000 / FEEDS;
}

/* 0, or the error. A device that knows one timeout only keeps it; the driver may round what it is given. */
static int set_timeout(struct held *held, int seconds)
{
	int given = seconds;
	if (ioctl(held->fd, WDIOC_SETTIMEOUT, &given) < 0) {
		int error = errno;
		if (error != EOPNOTSUPP || ioctl(held->fd, WDIOC_GETTIMEOUT, &given) < 0)
			return error;
	}
	held->timeout_s = given > 0 ? given : seconds;
	held->due = 0;
	return 0;
}

void watchdog_take(int fd)
{
	struct stat about;
	int error;
	own.fd = fd;
	own.timeout_s = OWN_S;
	if (fd < 0)
		return;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	own.device = fstat(fd, &about) < 0 ? 0 : about.st_rdev;
	if ((error = set_timeout(&own, OWN_S)))
		say("the watchdog keeps its own time: %s", strerror(error));
}

/*
 * Disarms it. A driver that may not (nowayout) says EBUSY: closed, it would restart the machine, so it is fed for ever.
 * One without WDIOC_SETOPTIONS is disarmed by the magic close.
 */
static void leave_other(void)
{
	int options = WDIOS_DISABLECARD;
	if (other.fd < 0)
		return;
	if (ioctl(other.fd, WDIOC_SETOPTIONS, &options) < 0 && errno == EBUSY) {
		say("a watchdog that cannot be disarmed (nowayout) is fed further");
		return;
	}
	(void)!write(other.fd, "V", 1);
	close(other.fd);
	other = (struct held){.fd = -1};
}

static int is_own(dev_t device)
{
	dev_t older = makedev(MISC_MAJOR, WATCHDOG_MINOR);
	return own.fd >= 0 && (device == own.device || (device == older && minor(own.device) == 0) ||
			       (own.device == older && minor(device) == 0));
}

static int take_other(const char *path, dev_t device, int seconds)
{
	int error, fresh = 0;
	if (other.fd >= 0 && other.device != device)
		leave_other();
	if (other.fd >= 0 && other.device != device)
		return EBUSY;
	if (other.fd < 0) {
		fresh = 1;
		other.fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
		if (other.fd < 0)
			return errno;
		other.device = device;
		other.timeout_s = seconds;
	}
	if ((error = set_timeout(&other, seconds)) && fresh)
		leave_other();
	return error;
}

/* 0, or the error. `held` becomes the one that is meant. */
static int wanted(const char *path, int seconds, const struct held **held)
{
	struct stat about;
	int error;
	if (stat(path, &about) < 0)
		return errno;
	if (!S_ISCHR(about.st_mode))
		return ENOTTY;
	if (is_own(about.st_rdev)) {
		leave_other();
		*held = &own;
		return set_timeout(&own, seconds);
	}
	error = take_other(path, about.st_rdev, seconds);
	if (own.fd >= 0 && own.timeout_s != OWN_S)
		set_timeout(&own, OWN_S);
	*held = &other;
	return error;
}

void watchdog_set(char *command, const char *answer)
{
	char file[80], line[80], *number = strtok(command, " "), *path = strtok(NULL, " "), *given = strtok(NULL, " ");
	const struct held *held = NULL;
	int seconds = given && strlen(given) <= 7 ? atoi(given) : 0, error = 0;
	if (seconds > 0 && seconds <= MOST_S) {
		error = wanted(path, seconds, &held);
	} else if (number && !path) {
		leave_other();
		if (own.fd >= 0 && own.timeout_s != OWN_S)
			error = set_timeout(&own, OWN_S);
	} else {
		error = EINVAL;
	}
	watchdog_feed(now_ms());
	snprintf(file, sizeof file, "%s.new", answer);
	int n = snprintf(line, sizeof line, "%.20s %d %d %d\n", number ? number : "-", error, held && !error ? held->timeout_s : 0,
			 held && !error ? interval_ms(held) : 0);
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, n) != n || rename(file, answer) < 0)
		say("cannot write %s: %s", answer, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static long long feed(struct held *held, long long now)
{
	if (held->fd < 0)
		return -1;
	if (now >= held->due) {
		(void)!write(held->fd, "", 1);
		held->due = now + interval_ms(held);
	}
	return held->due - now;
}

long long watchdog_feed(long long now)
{
	long long first = feed(&own, now), second = feed(&other, now);
	return first < 0 || (second >= 0 && second < first) ? second : first;
}
