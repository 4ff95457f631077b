/*
 * `cp -f SOURCE DESTINATION` of the flannel image: its install-config init container, whose manifest is the one that
 * Talos ships, copies the CNI configuration to the host. Regular files only, replaced by rename(2), nothing else.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char temporary[4096], buffer[65536];
	if (argc == 4 && !strcmp(argv[1], "-f"))
		argv++, argc--;
	if (argc != 3 || snprintf(temporary, sizeof temporary, "%s.new", argv[2]) >= (int)sizeof temporary) {
		fprintf(stderr, "usage: cp [-f] SOURCE DESTINATION\n");
		return 2;
	}
	int from = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (from < 0) {
		perror(argv[1]);
		return 1;
	}
	int to = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t n = -1;
	while (to >= 0 && (n = read(from, buffer, sizeof buffer)) > 0)
		if (write(to, buffer, (size_t)n) != n) {
			n = -1;
			break;
		}
	if (to < 0 || n < 0 || close(to) < 0 || rename(temporary, argv[2]) < 0) {
		perror(argv[2]);
		return 1;
	}
	return 0;
}
