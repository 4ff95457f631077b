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
		if (*name && load(folder, name) < 0) {
			if (!optional)
				give_up("kernel module %s: %s", name, strerror(errno));
			if (errno != ENODEV)
				say("kernel module %s: %s", name, strerror(errno));
		}
	}
	fclose(file);
}
