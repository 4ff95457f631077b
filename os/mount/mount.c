/* mount and umount: the two programs that the kubelet and CSI drivers execute for the mounts of pods.
 *
 * util-linux' pair brings four libraries and a syntax of two hundred options; its callers here (k8s.io/mount-utils) use
 * these: mount [-t TYPE] [-o OPTIONS] [--no-canonicalize] [--make-[r]PROPAGATION] [--bind|--rbind] [SOURCE] TARGET and
 * umount [-f] [-l] TARGET. Anything else is refused with a message, never guessed at. No fstab, no helpers (mount.nfs),
 * no loop devices. Exit status as mount(8): 0, 1 for a wrong call, 32 for a failed one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif

enum { BAD_CALL = 1, FAILED = 32 };

static const char *program;

/* Options of mount(8) that are flags of mount(2); `clear` ones take a flag away. */
static const struct {
    const char *name;
    unsigned long flag;
    int clear;
} flags_by_name[] = {
    {"async", MS_SYNCHRONOUS, 1}, {"atime", MS_NOATIME, 1}, {"bind", MS_BIND, 0}, {"defaults", 0, 0},
    {"dev", MS_NODEV, 1}, {"diratime", MS_NODIRATIME, 1}, {"dirsync", MS_DIRSYNC, 0}, {"exec", MS_NOEXEC, 1},
    {"lazytime", MS_LAZYTIME, 0}, {"mand", MS_MANDLOCK, 0}, {"noatime", MS_NOATIME, 0}, {"nodev", MS_NODEV, 0},
    {"nodiratime", MS_NODIRATIME, 0}, {"noexec", MS_NOEXEC, 0}, {"nolazytime", MS_LAZYTIME, 1},
    {"nomand", MS_MANDLOCK, 1}, {"norelatime", MS_RELATIME, 1}, {"nosuid", MS_NOSUID, 0},
    {"private", MS_PRIVATE, 0}, {"rbind", MS_BIND | MS_REC, 0}, {"relatime", MS_RELATIME, 0},
    {"remount", MS_REMOUNT, 0}, {"ro", MS_RDONLY, 0}, {"rprivate", MS_PRIVATE | MS_REC, 0},
    {"rshared", MS_SHARED | MS_REC, 0}, {"rslave", MS_SLAVE | MS_REC, 0},
    {"runbindable", MS_UNBINDABLE | MS_REC, 0}, {"rw", MS_RDONLY, 1}, {"shared", MS_SHARED, 0},
    {"silent", MS_SILENT, 0}, {"slave", MS_SLAVE, 0}, {"strictatime", MS_STRICTATIME, 0}, {"suid", MS_NOSUID, 1},
    {"sync", MS_SYNCHRONOUS, 0}, {"unbindable", MS_UNBINDABLE, 0}, {"_netdev", 0, 0}, {"nofail", 0, 0},
    {"auto", 0, 0}, {"noauto", 0, 0}, {"user", 0, 0}, {"nouser", 0, 0},
};
#define COUNT(a) (sizeof(a) / sizeof *(a))
#define PROPAGATION (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

static int bad_call(const char *what, const char *which)
{
    fprintf(stderr, "%s: %s%s\n", program, what, which);
    return BAD_CALL;
}

/* 1 if the option is a flag. */
static int apply_flag(const char *name, unsigned long *flags)
{
    for (size_t i = 0; i < COUNT(flags_by_name); i++)
        if (!strcmp(name, flags_by_name[i].name)) {
            if (flags_by_name[i].clear)
                *flags &= ~flags_by_name[i].flag;
            else
                *flags |= flags_by_name[i].flag;
            return 1;
        }
    return 0;
}

/* Flags go to *flags, the rest to data, which is large enough for all of it. */
static void parse_options(const char *text, unsigned long *flags, char *data)
{
    char *copy = strdup(text);
    if (!copy)
        abort();
    for (char *save, *option = strtok_r(copy, ",", &save); option; option = strtok_r(NULL, ",", &save)) {
        if (apply_flag(option, flags))
            continue;
        if (*data)
            strcat(data, ",");
        strcat(data, option);
    }
    free(copy);
}

static int do_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
    if (mount(source, target, type, flags, data) == 0)
        return 0;
    fprintf(stderr, "%s: %s: mounting %s failed: %s.\n", program, target, source ? source : "none", strerror(errno));
    return FAILED;
}

static int run_mount(int argc, char **argv)
{
    const char *type = NULL, *source = NULL, *target = NULL;
    unsigned long flags = 0;
    size_t room = 1;
    for (int i = 1; i < argc; i++)
        room += strlen(argv[i]) + 1;
    char *data = calloc(1, room);
    if (!data)
        abort();
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (!strcmp(argument, "-t") || !strcmp(argument, "-o") || !strcmp(argument, "--types") || !strcmp(argument, "--options")) {
            if (++i == argc)
                return bad_call("a value is missing after ", argument);
            if (argument[1] == 't' || !strcmp(argument, "--types"))
                type = argv[i];
            else
                parse_options(argv[i], &flags, data);
        } else if (!strcmp(argument, "--no-canonicalize") || !strcmp(argument, "-n") || !strcmp(argument, "-i")) {
            continue;
        } else if (!strcmp(argument, "-r")) {
            flags |= MS_RDONLY;
        } else if (!strcmp(argument, "--bind") || !strcmp(argument, "-B") || !strcmp(argument, "--rbind") || !strcmp(argument, "-R")) {
            flags |= MS_BIND | (strstr(argument, "rbind") || argument[1] == 'R' ? MS_REC : 0);
        } else if (!strncmp(argument, "--make-", 7)) {
            if (!apply_flag(argument + 7, &flags) || !(flags & PROPAGATION))
                return bad_call("unknown option ", argument);
        } else if (argument[0] == '-') {
            return bad_call("unknown option ", argument);
        } else if (!source) {
            source = argument;
        } else if (!target) {
            target = argument;
        } else {
            return bad_call("too many arguments: ", argument);
        }
    }
    if (!target) { /* remount and propagation need no source */
        target = source;
        source = NULL;
    }
    if (!target || (!source && !(flags & (MS_REMOUNT | PROPAGATION))))
        return bad_call("usage: mount [-t TYPE] [-o OPTIONS] [SOURCE] TARGET", "");
    unsigned long propagation = flags & PROPAGATION;
    unsigned long recursive = flags & MS_REC;
    flags &= ~(unsigned long)PROPAGATION;
    int status = 0;
    if (source || (flags & MS_REMOUNT)) {
        unsigned long first = flags;
        if (flags & MS_BIND && !(flags & MS_REMOUNT))
            first &= MS_BIND | MS_REC | MS_SILENT; /* the kernel ignores the others on a bind, so they take a second call */
        status = do_mount(source, target, type, first, *data ? data : NULL);
        unsigned long second = flags & ~(unsigned long)(MS_BIND | MS_REC | MS_SILENT | MS_REMOUNT);
        if (!status && flags & MS_BIND && !(flags & MS_REMOUNT) && second)
            status = do_mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | second, NULL);
    }
    if (!status && propagation)
        status = do_mount(NULL, target, NULL, propagation | recursive, NULL);
    return status;
}

static int run_umount(int argc, char **argv)
{
    const char *target = NULL;
    int flags = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "-f"))
            flags |= MNT_FORCE;
        else if (!strcmp(argv[i], "-l"))
            flags |= MNT_DETACH;
        else if (!strcmp(argv[i], "-n") || !strcmp(argv[i], "--no-canonicalize"))
            continue;
        else if (argv[i][0] == '-')
            return bad_call("unknown option ", argv[i]);
        else if (target)
            return bad_call("too many arguments: ", argv[i]);
        else
            target = argv[i];
    }
    if (!target)
        return bad_call("usage: umount [-f] [-l] TARGET", "");
    if (umount2(target, flags) == 0)
        return 0;
    /* mount-utils looks for the words "not mounted" */
    if (errno == EINVAL)
        fprintf(stderr, "umount: %s: not mounted.\n", target);
    else
        fprintf(stderr, "umount: %s: %s.\n", target, strerror(errno));
    return FAILED;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    program = slash ? slash + 1 : argv[0];
    if (!strcmp(program, "umount"))
        return run_umount(argc, argv);
    if (!strcmp(program, "mount"))
        return run_mount(argc, argv);
    fprintf(stderr, "%s: start this file as mount or umount\n", program);
    return BAD_CALL;
}
