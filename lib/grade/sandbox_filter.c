/* The lists of system calls, and their way through libseccomp to BPF. */
#include "grade/sandbox_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "base/memory.h"

/* What a program of one process needs. Names that an architecture lacks are passed over. */
static const char *const program_allowed[] = {
    /* memory */
    "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "mincore", "membarrier",
    /* files that are open, and reading; open and openat have rules of their own */
    "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "close", "close_range",
    "lseek", "_llseek", "fstat", "fstat64", "newfstatat", "fstatat64", "stat", "lstat", "statx",
    "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd", "getdents64",
    "getdents", "statfs", "fstatfs", "dup", "dup2", "dup3", "pipe", "pipe2", "poll", "ppoll",
    "select", "pselect6", "eventfd2", "fsync", "fdatasync", "fadvise64",
    /* signals to itself: numbers that mean something to us have rules of their own */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend",
    "rt_sigtimedwait", "sigaltstack", "pause", "restart_syscall",
    /* threads */
    "futex", "set_robust_list", "get_robust_list", "set_tid_address", "rseq", "arch_prctl",
    "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "getcpu",
    "sched_get_priority_max", "sched_get_priority_min", "exit", "exit_group",
    /* who and when */
    "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getpgrp", "uname",
    "sysinfo", "getrlimit", "getrusage", "times", "time", "gettimeofday", "clock_gettime",
    "clock_getres", "clock_nanosleep", "nanosleep", "alarm", "getitimer", "setitimer", "getrandom",
    /* the launcher's own step into the program; there is nothing else in there to execute */
    "execve", "execveat", "wait4", "waitid", NULL};

/* Whatever changes a file system, when tried by a program. */
static const char *const file_writing[] = {
    "creat",     "mkdir",      "mkdirat",     "mknod",        "mknodat",
    "rename",    "renameat",   "renameat2",   "unlink",       "unlinkat",
    "rmdir",     "link",       "linkat",      "symlink",      "symlinkat",
    "truncate",  "truncate64", "chmod",       "fchmod",       "fchmodat",
    "fchmodat2", "chown",      "fchown",      "lchown",       "fchownat",
    "utime",     "utimes",     "utimensat",   "futimesat",    "setxattr",
    "lsetxattr", "fsetxattr",  "removexattr", "lremovexattr", "fremovexattr",
    "ftruncate", "fallocate",  "ftruncate64", "setxattrat",   "removexattrat",
    NULL};

/* What no compiler needs and a hostile one could use. */
static const char *const compiler_denied[] = {"socket",
                                              "socketpair",
                                              "connect",
                                              "bind",
                                              "listen",
                                              "accept",
                                              "accept4",
                                              "ptrace",
                                              "process_vm_readv",
                                              "process_vm_writev",
                                              "kcmp",
                                              "pidfd_getfd",
                                              "pidfd_open",

                                              "umount2",
                                              "mount",
                                              "pivot_root",
                                              "chroot",
                                              "move_mount",
                                              "open_tree",
                                              "fsopen",
                                              "fsmount",
                                              "fsconfig",
                                              "fspick",
                                              "mount_setattr",
                                              "unshare",
                                              "setns",
                                              "bpf",
                                              "perf_event_open",
                                              "userfaultfd",
                                              "keyctl",
                                              "add_key",
                                              "request_key",
                                              "io_uring_setup",
                                              "io_uring_enter",
                                              "io_uring_register",
                                              "init_module",
                                              "finit_module",
                                              "delete_module",
                                              "kexec_load",
                                              "kexec_file_load",
                                              "reboot",
                                              "swapon",
                                              "swapoff",
                                              "acct",
                                              "quotactl",
                                              "name_to_handle_at",
                                              "open_by_handle_at",
                                              "memfd_create",
                                              "memfd_secret",
                                              "shmget",
                                              "shmat",
                                              "msgget",
                                              "semget",
                                              "mq_open",
                                              "setuid",
                                              "setgid",
                                              "setresuid",
                                              "setresgid",
                                              "setgroups",
                                              "mknod",
                                              "mknodat",
                                              "fanotify_init",
                                              "inotify_init1",
                                              "syslog",
                                              "iopl",
                                              "ioperm",
                                              "modify_ldt",
                                              "vhangup",
                                              "personality",
                                              NULL};

static bool rule(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned count,
                 const struct scmp_arg_cmp *conditions, struct error *error) {
    int number = seccomp_syscall_resolve_name(name);
    int status;

    if (number == __NR_SCMP_ERROR || number < 0) /* no such call on this architecture */
        return true;
    status = seccomp_rule_add_array(filter, action, number, count, conditions);
    return status == 0 ||
           error_set(error, "libseccomp takes no rule for %s: %s", name, strerror(-status));
}

static bool rules(scmp_filter_ctx filter, uint32_t action, const char *const *names,
                  struct error *error) {
    for (; *names != NULL; names++)
        if (!rule(filter, action, *names, 0, NULL, error))
            return false;
    return true;
}

/* One condition on one argument: (argument & mask) == value. */
static bool masked(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned argument,
                   uint64_t mask, uint64_t value, struct error *error) {
    struct scmp_arg_cmp condition = {argument, SCMP_CMP_MASKED_EQ, mask, value};

    return rule(filter, action, name, 1, &condition, error);
}

/* Opening: to read is allowed, to write or make is what SIGSYS is for. */
static bool open_rules(scmp_filter_ctx filter, const char *name, unsigned argument,
                       struct error *error) {
    static const uint64_t writing[][2] = {
        {O_ACCMODE, O_WRONLY}, {O_ACCMODE, O_RDWR}, {O_ACCMODE, O_ACCMODE}};
    const uint64_t mask = O_ACCMODE | O_CREAT | O_TRUNC;

    for (unsigned i = 0; i < sizeof writing / sizeof *writing; i++)
        if (!masked(filter, SCMP_ACT_KILL_PROCESS, name, argument, writing[i][0], writing[i][1],
                    error))
            return false;
    return masked(filter, SCMP_ACT_KILL_PROCESS, name, argument, O_CREAT, O_CREAT, error) &&
           masked(filter, SCMP_ACT_KILL_PROCESS, name, argument, O_TRUNC, O_TRUNC, error) &&
           masked(filter, SCMP_ACT_ALLOW, name, argument, mask, O_RDONLY, error);
}

/* The call with one of the listed values as an argument. */
static bool equal_rules(scmp_filter_ctx filter, const char *name, unsigned argument, size_t count,
                        const uint64_t *values, struct error *error) {
    for (size_t i = 0; i < count; i++) {
        struct scmp_arg_cmp condition = {argument, SCMP_CMP_EQ, values[i], 0};
        if (!rule(filter, SCMP_ACT_ALLOW, name, 1, &condition, error))
            return false;
    }
    return true;
}

/*
 * Signals may be sent, except the two whose meaning as a cause of death is ours; and what would
 * have the kernel send any signal (F_SETSIG, timers of one's own) is not there either.
 */
static bool signal_rules(scmp_filter_ctx filter, struct error *error) {
    static const uint64_t descriptor_commands[] = {F_DUPFD, F_GETFD,         F_SETFD,     F_GETFL,
                                                   F_SETFL, F_DUPFD_CLOEXEC, F_GETPIPE_SZ};
    static const uint64_t terminal_commands[] = {TCGETS, TIOCGWINSZ, FIONREAD};
    uint64_t signals[65];
    size_t count = 0;

    for (uint64_t signal = 0; signal < 65; signal++)
        if (signal != SIGSYS && signal != SIGKILL)
            signals[count++] = signal;
    return equal_rules(filter, "kill", 1, count, signals, error) &&
           equal_rules(filter, "tkill", 1, count, signals, error) &&
           equal_rules(filter, "tgkill", 2, count, signals, error) &&
           equal_rules(filter, "fcntl", 1, sizeof descriptor_commands / sizeof(uint64_t),
                       descriptor_commands, error) &&
           equal_rules(filter, "ioctl", 1, sizeof terminal_commands / sizeof(uint64_t),
                       terminal_commands, error);
}

static bool program_rules(scmp_filter_ctx filter, struct error *error) {
    const struct scmp_arg_cmp only_ask = {2, SCMP_CMP_EQ, 0, 0};

    return rules(filter, SCMP_ACT_ALLOW, program_allowed, error) &&
           rules(filter, SCMP_ACT_KILL_PROCESS, file_writing, error) &&
           open_rules(filter, "open", 1, error) && open_rules(filter, "openat", 2, error) &&
           signal_rules(filter, error) &&
           masked(filter, SCMP_ACT_ALLOW, "clone", 0, CLONE_THREAD, CLONE_THREAD, error) &&
           masked(filter, SCMP_ACT_ERRNO(EAGAIN), "clone", 0, CLONE_THREAD, 0, error) &&
           rule(filter, SCMP_ACT_ERRNO(EAGAIN), "fork", 0, NULL, error) &&
           rule(filter, SCMP_ACT_ERRNO(EAGAIN), "vfork", 0, NULL, error) &&
           rule(filter, SCMP_ACT_ALLOW, "prlimit64", 1, &only_ask, error);
}

static bool compiler_rules(scmp_filter_ctx filter, struct error *error) {
    const struct scmp_arg_cmp namespaces = {0, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER};

    return rules(filter, SCMP_ACT_ERRNO(ENOSYS), compiler_denied, error) &&
           rule(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL, error) &&
           rule(filter, SCMP_ACT_ERRNO(EPERM), "clone", 1, &namespaces, error);
}

/* libseccomp writes BPF to a descriptor only (its way to memory is younger than many machines). */
static bool export(scmp_filter_ctx filter, struct sock_fprog *code, struct error *error) {
    int descriptor = memfd_create("filter", MFD_CLOEXEC);
    struct stat status;
    bool fine = descriptor >= 0 && seccomp_export_bpf(filter, descriptor) == 0 &&
                fstat(descriptor, &status) == 0;

    if (fine) {
        code->len = (unsigned short)((size_t)status.st_size / sizeof *code->filter);
        code->filter = allocate(code->len, sizeof *code->filter);
        fine = pread(descriptor, code->filter, (size_t)status.st_size, 0) == status.st_size;
    }
    if (!fine)
        error_set_errno(error, "seccomp filter");
    if (descriptor >= 0)
        close(descriptor);
    return fine;
}

bool syscall_filter_build(enum filter_kind kind, struct sock_fprog *code, struct error *error) {
    scmp_filter_ctx filter =
        seccomp_init(kind == FILTER_PROGRAM ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW);
    bool fine;

    *code = (struct sock_fprog){0};
    if (filter == NULL)
        return error_set(error, "libseccomp does not start; it should be 2.4 or later");
    fine =
        (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) == 0 ||
         error_set(error, "libseccomp refuses an action for other architectures")) &&
        (kind == FILTER_PROGRAM ? program_rules(filter, error) : compiler_rules(filter, error)) &&
        export(filter, code, error);
    seccomp_release(filter);
    return fine;
}

bool syscall_filter_apply(const struct sock_fprog *code) {
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, code) == 0;
}
