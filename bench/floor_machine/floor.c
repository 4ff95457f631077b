/*
 * The floor of a machine's start: our own first stage with every mount it makes, and then, in place of PID 1 and Python,
 * one static address and one TCP socket on port 50000 that answers each caller with /proc/meminfo.
 */
#define _GNU_SOURCE
#include <unistd.h>

static int answer(const char *path, char *const arguments[], char *const environment[]);
#define main first_stage
#define execve answer
#include "../../os/stage1/stage1.c"
#undef main
#undef execve

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/route.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void up(const char *name, const char *address)
{
	struct ifreq request = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	strcpy(request.ifr_name, name);
	in->sin_family = AF_INET;
	inet_pton(AF_INET, address, &in->sin_addr);
	if (ioctl(fd, SIOCSIFADDR, &request) < 0)
		say("%s: %s", name, strerror(errno));
	inet_pton(AF_INET, "255.255.255.0", &in->sin_addr);
	ioctl(fd, SIOCSIFNETMASK, &request);
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
}

static int answer(const char *path, char *const arguments[], char *const environment[])
{
	(void)path, (void)environment;
	(void)!write(atoi(arguments[2]), "V", 1); /* nobody feeds the watchdog here: this switches it off */
	close(atoi(arguments[2]));
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(50000)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	up("eth0", "10.0.2.15");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (struct sockaddr *)&any, sizeof any) < 0 || listen(listener, 8) < 0)
		give_up("socket: %s", strerror(errno));
	for (;;) {
		char text[8192];
		int caller = accept(listener, NULL, NULL), file = open("/proc/meminfo", O_RDONLY);
		ssize_t n = read(file, text, sizeof text);
		(void)!write(caller, text, n > 0 ? n : 0);
		close(file);
		close(caller);
	}
}

int main(void)
{
	return first_stage();
}
