/*
 * Process 1 of a sandbox: our own executable in its hidden mode. It makes sure that it is where it
 * thinks it is, and then for each command forks, limits, filters and executes, waits with an eye on
 * the command's CPU clock, kills what is left, and reports. It allocates nothing on behalf of a
 * command.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "grade/sandbox.h"
#include "grade/sandbox_filter.h"
#include "grade/sandbox_wire.h"

enum { OPEN_FILES = 64, SECOND = 1000000 };

struct server {
    enum sandbox_kind kind;
    struct sock_fprog filter;
    bool counts_processes; /* the kernel counts processes by user namespace (Linux 5.14) */
    sigset_t awaited;      /* SIGCHLD, and SIGALRM from the CPU timer */
    int descriptors[WIRE_COUNT];
    struct wire_command command;
    char *arguments[WIRE_MAX_ARGUMENTS + 1]; /* from the second on the command's own */
    struct wire_outcome outcome;
};

static void fail(struct server *server, const char *what) {
    if (server->outcome.failure[0] == '\0')
        snprintf(server->outcome.failure, sizeof server->outcome.failure, "%s: %s", what,
                 strerror(errno));
}

static uint64_t microseconds(clockid_t clock) {
    struct timespec now = {0};

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec / 1000;
}

/* What a child says that could not become the program. */
struct trouble {
    int refused; /* errno, where the fault is the program's; `text` says nothing then */
    char text[128];
};

/* ---- the command's side of the fork ---- */

static bool limit(int resource, uint64_t value) {
    struct rlimit limits = {value, value};

    return setrlimit((__rlimit_resource_t)resource, &limits) == 0;
}

static bool set_limits(const struct server *server) {
    const struct sandbox_limits *limits = &server->command.limits;
    /* For the compiler, which is several processes, the limit; for a program, behind the timer. */
    rlim_t cpu = (limits->cpu_microseconds + SECOND - 1) / SECOND;
    rlim_t spare = server->kind == SANDBOX_PROGRAM;
    struct rlimit seconds = {cpu + spare, cpu + spare + 1};

    return (limits->cpu_microseconds == 0 || setrlimit(RLIMIT_CPU, &seconds) == 0) &&
           limit(RLIMIT_AS, limits->address_space) && limit(RLIMIT_STACK, limits->stack) &&
           limit(RLIMIT_FSIZE, limits->file_size) && limit(RLIMIT_CORE, 0) &&
           limit(RLIMIT_NOFILE, OPEN_FILES) && limit(RLIMIT_MEMLOCK, 0) &&
           limit(RLIMIT_MSGQUEUE, 0) && limit(RLIMIT_SIGPENDING, 64) &&
           (!server->counts_processes || limit(RLIMIT_NPROC, limits->processes));
}

/* Descriptors to 0 … 3, all others closed when the program starts. */
static bool place_descriptors(const struct server *server) {
    static const int sources[] = {WIRE_INPUT, WIRE_OUTPUT, WIRE_ERRORS, WIRE_EXTRA};

    for (int place = 0; place < 4; place++) {
        int from = server->descriptors[sources[place]];
        if (from < 0 ? (place < 3) : dup2(from, place) != place)
            return false;
    }
    return true;
}

/*
 * Whether the kernel refuses a program for what its headers say. What it finds no loader or memory
 * for is none of these: programs name our own loader (code_compiler.c), and what that or the
 * machine lacks is nobody's wrong answer.
 */
static bool is_of_image(int number) {
    return number == ENOEXEC || number == EINVAL;
}

/*
 * Received descriptors are kept above the places that they are put in, and WIRE_SOCKET itself is 3:
 * it closes on execution unless descriptor 3 takes its place.
 */
static _Noreturn void become(const struct server *server, int messages) {
    static const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C",
                                              "TMPDIR=/tmp", NULL};
    char *const *arguments = server->arguments + 1;
    struct trouble trouble = {0};
    sigset_t none;
    const char *step = "setpgid";

    sigemptyset(&none);
    if (setpgid(0, 0) == 0 && (step = "descriptors") && place_descriptors(server) &&
        (step = "limits") && set_limits(server) && (step = "signals") &&
        sigprocmask(SIG_SETMASK, &none, NULL) == 0 && (step = "seccomp") &&
        syscall_filter_apply(&server->filter)) {
        step = "exec";
        if (server->descriptors[WIRE_PROGRAM] < 0)
            execve(server->arguments[0], arguments, (char *const *)(uintptr_t)environment);
        else if (execveat(server->descriptors[WIRE_PROGRAM], "", arguments,
                          (char *const *)(uintptr_t)environment, AT_EMPTY_PATH) != 0 &&
                 is_of_image(errno))
            trouble.refused = errno;
    }
    snprintf(trouble.text, sizeof trouble.text, "%s: %s", step, strerror(errno));
    _exit(write(messages, &trouble, sizeof trouble) == sizeof trouble ? 126 : 127);
}

/* ---- the server's side ---- */

/* A timer on the command's CPU clock, which sends SIGALRM; false where it is gone already. */
static bool start_timer(const struct server *server, clockid_t clock, timer_t *timer) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    uint64_t limit = server->command.limits.cpu_microseconds;
    struct itimerspec when = {.it_value = {(time_t)(limit / SECOND), (long)(limit % SECOND * 1000)},
                              .it_interval = {0, 20000000}};

    if (limit == 0 || timer_create(clock, &event, timer) != 0)
        return false;
    timer_settime(*timer, TIMER_ABSTIME, &when, NULL);
    return true;
}

/* Why the command has to be ended now; ENDED_BY_ITSELF: it has not. */
static enum sandbox_end reason_to_end(const struct sandbox_limits *limits, uint64_t cpu,
                                      uint64_t elapsed, uint64_t idle) {
    if (limits->cpu_microseconds > 0 && cpu > limits->cpu_microseconds)
        return ENDED_BY_CPU;
    if (idle >= limits->idle_microseconds)
        return ENDED_BY_IDLENESS;
    return elapsed >= limits->wall_microseconds ? ENDED_BY_CLOCK : ENDED_BY_ITSELF;
}

/* Waits until the command has ended, or ends it. */
static enum sandbox_end watch(const struct server *server, pid_t process, clockid_t clock) {
    const struct sandbox_limits *limits = &server->command.limits;
    const struct timespec moment = {0, 250000000};
    uint64_t began = microseconds(CLOCK_MONOTONIC), busy_at = began, busy_cpu = 0;

    for (;;) {
        siginfo_t state = {0};
        if (waitid(P_PID, (id_t)process, &state, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            state.si_pid == process)
            return ENDED_BY_ITSELF;
        uint64_t now = microseconds(CLOCK_MONOTONIC), cpu = microseconds(clock);
        if (cpu > busy_cpu + limits->idle_microseconds / 500) {
            busy_cpu = cpu;
            busy_at = now;
        }
        enum sandbox_end end = reason_to_end(limits, cpu, now - began, now - busy_at);
        if (end != ENDED_BY_ITSELF) {
            kill(process, SIGKILL);
            return end;
        }
        sigtimedwait(&server->awaited, NULL, &moment);
    }
}

/* Every other process of the sandbox is dead and gone when this returns. */
static void kill_all(void) {
    do {
        kill(-1, SIGKILL);
    } while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

static void reap(struct server *server, pid_t process, enum sandbox_end end) {
    struct sandbox_outcome *outcome = &server->outcome.outcome;
    struct rusage usage = {0};

    while (wait4(process, &outcome->status, 0, &usage) < 0 && errno == EINTR)
        continue;
    outcome->end = end;
    outcome->cpu_microseconds = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND +
                                (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    outcome->peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
}

/* What the child said before it could become the program; nothing where it did. */
static void hear_trouble(struct server *server, int messages) {
    struct trouble trouble;

    if (read(messages, &trouble, sizeof trouble) != sizeof trouble)
        return;
    server->outcome.outcome.refused = trouble.refused;
    if (trouble.refused == 0)
        snprintf(server->outcome.failure, sizeof server->outcome.failure, "%s", trouble.text);
}

static void run(struct server *server) {
    int messages[2];
    clockid_t clock;
    timer_t timer = NULL;
    bool timed = false;
    pid_t process;

    if (pipe2(messages, O_CLOEXEC) != 0) {
        fail(server, "pipe");
        return;
    }
    process = fork();
    if (process == 0)
        become(server, messages[1]);
    close(messages[1]);
    if (process > 0) {
        if (clock_getcpuclockid(process, &clock) == 0) {
            timed = start_timer(server, clock, &timer);
            reap(server, process, watch(server, process, clock));
        } else {
            reap(server, process, ENDED_BY_ITSELF);
        }
        if (timed)
            timer_delete(timer);
        hear_trouble(server, messages[0]);
    } else {
        fail(server, "fork");
    }
    close(messages[0]);
    kill_all();
}

/* ---- /tmp of the compiler ---- */

static void copy_result(struct server *server) {
    static char bytes[1 << 16];
    int from = open("/tmp/result", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t size;

    if (from < 0)
        return; /* the caller finds it empty */
    while ((size = read(from, bytes, sizeof bytes)) > 0)
        if (write(server->descriptors[WIRE_RESULT], bytes, (size_t)size) != size) {
            fail(server, "taking /tmp/result out");
            break;
        }
    close(from);
}

/* Empties a folder; gives up on what cannot be removed, which the caller sees by its not being
 * empty. */
static bool empty_folder(int folder, int depth) {
    DIR *entries = fdopendir(folder);
    const struct dirent *entry;
    bool fine = entries != NULL && depth < 16;

    while (fine && (entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(folder, entry->d_name, 0) == 0)
            continue;
        int inner = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        fine = inner >= 0 && empty_folder(inner, depth + 1) &&
               unlinkat(folder, entry->d_name, AT_REMOVEDIR) == 0;
    }
    if (entries != NULL)
        closedir(entries);
    return fine;
}

static void clear_tmp(struct server *server) {
    int folder = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0 || !empty_folder(folder, 0))
        fail(server, "emptying /tmp");
}

/* ---- commands ---- */

static bool read_arguments(struct server *server, size_t size) {
    struct wire_command *command = &server->command;
    size_t head = offsetof(struct wire_command, arguments), at = 0;

    if (size < head || command->argument_bytes != size - head || command->argument_bytes == 0 ||
        command->argument_count > WIRE_MAX_ARGUMENTS ||
        command->arguments[command->argument_bytes - 1] != '\0')
        return false;
    for (uint32_t i = 0; i < command->argument_count; i++) {
        if (at >= command->argument_bytes)
            return false;
        server->arguments[i] = command->arguments + at;
        at += strlen(server->arguments[i]) + 1;
    }
    server->arguments[command->argument_count] = NULL;
    return command->argument_count > 1;
}

/* Out of the way of the places 0 … 3 that they will be put in. */
static bool take_descriptors(struct server *server, const struct msghdr *message) {
    const struct cmsghdr *header = CMSG_FIRSTHDR(message);
    size_t count = header == NULL ? 0 : (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const int *received = header == NULL ? NULL : (const int *)(const void *)CMSG_DATA(header);
    size_t used = 0;

    for (int i = 0; i < WIRE_COUNT; i++) {
        server->descriptors[i] = -1;
        if ((server->command.present & (1u << i)) && used < count)
            server->descriptors[i] = received[used++];
    }
    return used == count && (message->msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0;
}

static bool receive(struct server *server) {
    char control[CMSG_SPACE(WIRE_COUNT * sizeof(int))] __attribute__((aligned(8))) = {0};
    struct iovec part = {&server->command, sizeof server->command};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t size;

    while ((size = recvmsg(WIRE_SOCKET, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        continue;
    if (size <= 0)
        return false;
    server->outcome = (struct wire_outcome){0};
    errno = EPROTO;
    if (!take_descriptors(server, &message) || !read_arguments(server, (size_t)size))
        fail(server, "command");
    return true;
}

static bool report(const struct server *server) {
    return send(WIRE_SOCKET, &server->outcome, sizeof server->outcome, MSG_NOSIGNAL) ==
           (ssize_t)sizeof server->outcome;
}

static void serve(struct server *server) {
    while (receive(server)) {
        if (server->outcome.failure[0] == '\0')
            run(server);
        if (server->descriptors[WIRE_RESULT] >= 0 && server->outcome.failure[0] == '\0')
            copy_result(server);
        if (server->kind == SANDBOX_COMPILER)
            clear_tmp(server);
        for (int i = 0; i < WIRE_COUNT; i++)
            if (server->descriptors[i] >= 0)
                close(server->descriptors[i]);
        if (!report(server))
            return;
    }
}

/* ---- before the first command ---- */

static bool kernel_counts_by_namespace(void) {
    struct utsname name;
    unsigned major = 0, minor = 0;

    return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 && // NOLINT
           (major > 5 || (major == 5 && minor >= 14));
}

/* Whether this is the inside of a sandbox: else nothing is run. */
static void check_place(struct server *server) {
    int made;

    errno = 0;
    if (getpid() != 1) {
        fail(server, "this is no process namespace of its own");
        return;
    }
    made = open("/lockpick-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (made >= 0) {
        errno = EEXIST;
        fail(server, "the root folder can be written");
        close(made);
    }
    if (access("/etc/passwd", F_OK) == 0 || access("/proc/self", F_OK) == 0) {
        errno = EEXIST;
        fail(server, "files of the host are to be seen");
    }
}

/*
 * From inside of its namespace no signal reaches process 1 but those that it handles: so none is
 * handled, not even by what a library or a sanitizer put there.
 */
static void handle_no_signal(void) {
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
}

static bool prepare(struct server *server) {
    struct error error = {0};
    enum filter_kind kind = server->kind == SANDBOX_PROGRAM ? FILTER_PROGRAM : FILTER_COMPILER;

    handle_no_signal();
    check_place(server);
    if (server->outcome.failure[0] == '\0' && !syscall_filter_build(kind, &server->filter, &error))
        snprintf(server->outcome.failure, sizeof server->outcome.failure, "%.200s", error.text);
    server->counts_processes = kernel_counts_by_namespace();
    sigemptyset(&server->awaited);
    sigaddset(&server->awaited, SIGCHLD);
    sigaddset(&server->awaited, SIGALRM);
    if (sigprocmask(SIG_BLOCK, &server->awaited, NULL) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || fcntl(WIRE_SOCKET, F_SETFD, FD_CLOEXEC) != 0)
        fail(server, "start of the server");
    return report(server) && server->outcome.failure[0] == '\0';
}

void sandbox_serve_if_asked(int argc, char **argv) {
    struct server *server;

    if (argc != 3 || strcmp(argv[1], SANDBOX_MODE) != 0)
        return;
    server = allocate(1, sizeof *server);
    server->kind = strcmp(argv[2], "compiler") == 0 ? SANDBOX_COMPILER : SANDBOX_PROGRAM;
    umask(022);
    if (prepare(server))
        serve(server);
    free(server->filter.filter);
    free(server);
    exit(0); // NOLINT(concurrency-mt-unsafe)
}
