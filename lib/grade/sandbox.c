/* Outside of the sandbox: starting bubblewrap, handing commands in, and telling what is missing. */
#include "grade/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <link.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/files.h"
#include "base/options.h"
#include "grade/program_output.h"
#include "grade/sandbox_wire.h"

enum {
    MAX_ARGUMENTS = 512,
    TMP_BYTES = 512 << 20,
    START_MILLISECONDS = 60000,
    CLOSE_MILLISECONDS = 2000
};

struct sandbox {
    pid_t process; /* bubblewrap's, outside */
    int socket;
    int messages; /* what bubblewrap and the server said on standard error */
};

/* The command line of bubblewrap in the making. */
struct launch {
    const char *arguments[MAX_ARGUMENTS + 1];
    size_t count;
    char *owned[MAX_ARGUMENTS]; /* those of them that were made here */
    size_t owned_count;
    int files[64]; /* descriptors that bubblewrap copies files from */
    size_t file_count;
};

/* ---- memory files ---- */

int memory_file(const char *name, struct error *error) {
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING, executable = 0x10; /* MFD_EXEC */
    int descriptor = memfd_create(name, flags | executable);

    if (descriptor < 0 && errno == EINVAL) /* before Linux 6.3 all of them were executable */
        descriptor = memfd_create(name, flags);
    if (descriptor < 0)
        error_set_errno(error, "memory file");
    return descriptor;
}

int memory_file_sealed(const void *bytes, size_t size, struct error *error) {
    int descriptor = memory_file("input", error);
    size_t done = 0;

    while (descriptor >= 0 && done < size) {
        ssize_t written = write(descriptor, (const char *)bytes + done, size - done);
        if (written <= 0) {
            error_set_errno(error, "memory file of %zu bytes", size);
            close(descriptor);
            return -1;
        }
        done += (size_t)written;
    }
    if (descriptor >= 0)
        memory_file_seal(descriptor);
    return descriptor;
}

void memory_file_seal(int descriptor) {
    fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    lseek(descriptor, 0, SEEK_SET);
}

/* ---- the command line ---- */

static void add(struct launch *launch, const char *argument) {
    if (launch->count < MAX_ARGUMENTS)
        launch->arguments[launch->count++] = argument;
}

static void add_all(struct launch *launch, const char *const *arguments) {
    for (; *arguments != NULL; arguments++)
        add(launch, *arguments);
}

static const char *own(struct launch *launch, char *text) {
    if (launch->owned_count < MAX_ARGUMENTS)
        launch->owned[launch->owned_count++] = text;
    return text;
}

static void launch_free(struct launch *launch) {
    for (size_t i = 0; i < launch->owned_count; i++)
        free(launch->owned[i]);
    for (size_t i = 0; i < launch->file_count; i++)
        close(launch->files[i]);
}

/* A file that the sandbox's user could not reach by its path goes in as a copy. */
static bool add_copy(struct launch *launch, const char *from, const char *to, struct error *error) {
    int file = open(from, O_RDONLY | O_CLOEXEC), descriptor;

    if (file < 0)
        return error_set_errno(error, "%s", from);
    descriptor = fcntl(file, F_DUPFD_CLOEXEC, WIRE_SOCKET + 1); /* out of the socket's way */
    close(file);
    if (descriptor < 0)
        return error_set_errno(error, "%s", from);
    if (launch->file_count == sizeof launch->files / sizeof *launch->files) {
        close(descriptor);
        return error_set(error, "%s: too many files for the sandbox", from);
    }
    launch->files[launch->file_count++] = descriptor;
    add(launch, "--perms");
    add(launch, "0555");
    add(launch, "--ro-bind-data");
    add(launch, own(launch, format_text("%d", descriptor)));
    add(launch, to);
    return true;
}

static void add_bind(struct launch *launch, const char *from, const char *to) {
    add(launch, "--ro-bind");
    add(launch, from);
    add(launch, to);
}

/* ---- our own executable inside ---- */

static bool is_system_file(const char *path) {
    return strncmp(path, "/usr/", 5) == 0 || strncmp(path, "/lib", 4) == 0;
}

struct library_list {
    char *paths[40];
    size_t count;
};

static int note_library(struct dl_phdr_info *info, size_t size, void *data) {
    struct library_list *list = data;

    (void)size;
    if (info->dlpi_name[0] == '/' && list->count < sizeof list->paths / sizeof *list->paths)
        list->paths[list->count++] = copy_text(info->dlpi_name);
    return 0;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* The executable and its libraries in /launch, and the loader that starts it, whose name is
 * returned (NULL where there is none). */
static const char *add_server(struct launch *launch, struct error *error) {
    struct library_list list = {.count = 0};
    const char *loader = NULL;
    bool fine = add_copy(launch, "/proc/self/exe", "/launch/lockpick", error);

    dl_iterate_phdr(note_library, &list);
    for (size_t i = 0; i < list.count; i++) {
        const char *name = base_name(list.paths[i]);
        const char *to = own(launch, format_text("/launch/%s", name));
        if (strncmp(name, "ld-", 3) == 0 || strncmp(name, "ld64", 4) == 0)
            loader = to;
        if (fine && is_system_file(list.paths[i]))
            add_bind(launch, own(launch, copy_text(list.paths[i])), to);
        else
            fine = fine && add_copy(launch, list.paths[i], to, error);
        free(list.paths[i]);
    }
    if (fine && loader == NULL)
        error_set(error, "the sandbox needs a dynamically linked executable; link it so");
    return fine ? loader : NULL;
}

/* ---- what the machine says ---- */

static long long kernel_setting(const char *path) {
    struct buffer text = {0};
    struct error ignored = {0};
    int64_t value = -1;

    if (file_read(path, 64, &text, &ignored)) {
        buffer_append(&text, "", 1);
        text.data[strcspn((char *)text.data, "\n")] = '\0';
        if (!parse_integer((const char *)text.data, &value))
            value = -1;
    }
    buffer_free(&text);
    return value;
}

/* Which feature of the kernel is missing, and how it is allowed. */
static const char *missing_feature(void) {
    if (kernel_setting("/proc/sys/user/max_user_namespaces") == 0)
        return "the kernel allows no user namespaces; sysctl user.max_user_namespaces=10000 "
               "allows them";
    if (kernel_setting("/proc/sys/kernel/unprivileged_userns_clone") == 0)
        return "the kernel keeps user namespaces from ordinary users; sysctl "
               "kernel.unprivileged_userns_clone=1 allows them";
    if (kernel_setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
        return "AppArmor restricts user namespaces (Ubuntu since 23.10); sysctl "
               "kernel.apparmor_restrict_unprivileged_userns=0 allows them, or an AppArmor profile "
               "for bwrap with the rule userns";
    return "user, mount, network, process and IPC namespaces and seccomp are needed; in a "
           "container "
           "they are allowed by its settings (docker run --security-opt seccomp=unconfined "
           "--security-opt apparmor=unconfined)";
}

/* The first line of what was said on standard error. */
static void first_message(const struct sandbox *sandbox, char text[256]) {
    ssize_t size = pread(sandbox->messages, text, 255, 0);

    text[size > 0 ? size : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

static bool cannot_start(const struct sandbox *sandbox, struct error *error) {
    char text[256];

    first_message(sandbox, text);
    return error_set(error, "the sandbox cannot be set up (%s): %s",
                     text[0] != '\0' ? text : "bubblewrap ended without a word", missing_feature());
}

static bool sandbox_lost(const struct sandbox *sandbox, struct error *error) {
    char text[256];

    first_message(sandbox, text);
    return error_set(error, "the sandbox ended in the middle of its work%s%s; memory may be short",
                     text[0] != '\0' ? ": " : "", text);
}

/* ---- starting ---- */

/* Whatever is open here, by us or by whoever started us, is not to be open in there. */
static void close_the_rest(void) {
    long most = sysconf(_SC_OPEN_MAX);

    if (syscall(SYS_close_range, WIRE_SOCKET + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    for (int i = WIRE_SOCKET + 1; i < (most > 0 && most < 1 << 16 ? most : 1 << 16); i++)
        fcntl(i, F_SETFD, FD_CLOEXEC);
}

/* The child's side of the fork, which leaves only by exec. */
static _Noreturn void become_bubblewrap(const struct launch *launch, int socket, int messages) {
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    const char *step = "descriptors";
    bool fine =
        nothing >= 0 && dup2(messages, 2) == 2 && dup2(nothing, 0) == 0 && dup2(nothing, 1) == 1;

    close_the_rest();
    for (size_t i = 0; i < launch->file_count; i++)
        fine = fine && fcntl(launch->files[i], F_SETFD, 0) == 0;
    fine = fine && (socket == WIRE_SOCKET ? fcntl(socket, F_SETFD, 0) == 0
                                          : dup2(socket, WIRE_SOCKET) == WIRE_SOCKET);
    if (fine && geteuid() == 0) {
        step = "becoming user id 65533, which owns nothing";
        fine = setgroups(0, NULL) == 0 &&
               setresgid(SANDBOX_USER, SANDBOX_USER, SANDBOX_USER) == 0 &&
               setresuid(SANDBOX_USER, SANDBOX_USER, SANDBOX_USER) == 0;
    }
    if (fine) {
        step = "starting bwrap (package bubblewrap)";
        execvp("bwrap", (char *const *)(uintptr_t)launch->arguments);
    }
    dprintf(2, "%s: %s", step, strerror(errno));
    _exit(1);
}

/* Whether this bubblewrap can bound a tmpfs (0.7). Also says where there is none. */
static bool bubblewrap_bounds(bool *bounds, struct error *error) {
    static const char *const command[] = {"bwrap", "--version", NULL};
    struct buffer text = {0};
    unsigned major = 0, minor = 0;
    bool fine = program_output(command, &text, error);

    if (!fine) {
        struct error inner = *error;
        error_set(error, "the sandbox cannot be set up: %.500s; the package bubblewrap has bwrap",
                  inner.text);
    } else if (sscanf((const char *)text.data, "bubblewrap %u.%u", &major, &minor) != 2) { // NOLINT
        fine = error_set(error, "bwrap --version says '%.60s'; bubblewrap 0.5 or later is needed",
                         (const char *)text.data);
    } else if (major == 0 && minor < 5) {
        fine =
            error_set(error, "bubblewrap %u.%u is too old; 0.5 or later is needed", major, minor);
    }
    *bounds = fine && (major > 0 || minor >= 7);
    buffer_free(&text);
    return fine;
}

static bool describe(struct launch *launch, const struct sandbox_setup *setup,
                     struct error *error) {
    static const char *const walls[] = {"bwrap",
                                        "--unshare-user",
                                        "--unshare-ipc",
                                        "--unshare-pid",
                                        "--unshare-net",
                                        "--unshare-uts",
                                        "--unshare-cgroup-try",
                                        "--uid",
                                        "65534",
                                        "--gid",
                                        "65534",
                                        "--hostname",
                                        "sandbox",
                                        "--clearenv",
                                        "--die-with-parent",
                                        "--new-session",
                                        "--as-pid-1",
                                        "--cap-drop",
                                        "ALL",
                                        NULL};
    const char *loader;
    bool bounds = false;

    if (!bubblewrap_bounds(&bounds, error))
        return false;
    add_all(launch, walls);
    for (size_t i = 0; i < setup->bind_count; i++)
        add_bind(launch, setup->binds[i].from, setup->binds[i].to);
    if (setup->kind == SANDBOX_COMPILER) {
        if (bounds) {
            add(launch, "--size");
            add(launch, own(launch, format_text("%d", TMP_BYTES)));
        }
        add(launch, "--tmpfs");
        add(launch, "/tmp");
    }
    if ((loader = add_server(launch, error)) == NULL)
        return false;
    const char *const start[] = {"--remount-ro",
                                 "/",
                                 "--",
                                 loader,
                                 "--library-path",
                                 "/launch",
                                 "/launch/lockpick",
                                 SANDBOX_MODE,
                                 setup->kind == SANDBOX_COMPILER ? "compiler" : "program",
                                 NULL};
    add_all(launch, start);
    launch->arguments[launch->count] = NULL;
    return launch->count < MAX_ARGUMENTS ||
           error_set(error, "too many files to be seen in the sandbox");
}

static bool start(struct sandbox *sandbox, const struct launch *launch, struct error *error) {
    int ends[2];

    sandbox->messages = memory_file("messages", error);
    if (sandbox->messages < 0)
        return false;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return error_set_errno(error, "socket for the sandbox");
    sandbox->socket = ends[0];
    sandbox->process = fork();
    if (sandbox->process == 0)
        become_bubblewrap(launch, ends[1], sandbox->messages);
    close(ends[1]);
    return sandbox->process > 0 || error_set_errno(error, "starting the sandbox");
}

static bool receive(const struct sandbox *sandbox, struct wire_outcome *outcome) {
    ssize_t size;

    while ((size = recv(sandbox->socket, outcome, sizeof *outcome, 0)) < 0 && errno == EINTR)
        continue;
    outcome->failure[sizeof outcome->failure - 1] = '\0';
    return size == (ssize_t)sizeof *outcome;
}

static bool hello(const struct sandbox *sandbox, struct error *error) {
    struct wire_outcome outcome = {0};
    struct pollfd coming = {.fd = sandbox->socket, .events = POLLIN};

    if (poll(&coming, 1, START_MILLISECONDS) != 1 || !receive(sandbox, &outcome))
        return cannot_start(sandbox, error);
    return outcome.failure[0] == '\0' ||
           error_set(error, "the sandbox is none: %s; %s", outcome.failure, missing_feature());
}

struct sandbox *sandbox_open(const struct sandbox_setup *setup, struct error *error) {
    struct sandbox *sandbox = allocate(1, sizeof *sandbox);
    struct launch *launch = allocate(1, sizeof *launch);
    bool fine;

    sandbox->socket = sandbox->messages = -1;
    fine = describe(launch, setup, error) && start(sandbox, launch, error) && hello(sandbox, error);
    launch_free(launch);
    free(launch);
    if (fine)
        return sandbox;
    sandbox_close(sandbox);
    return NULL;
}

void sandbox_kill(struct sandbox *sandbox) {
    kill(sandbox->process, SIGKILL);
}

/* Whether it has ended within a while of being left alone. */
static bool ends_by_itself(pid_t process) {
    const struct timespec moment = {0, 1000000};

    for (int i = 0; i < CLOSE_MILLISECONDS; i++) {
        if (waitpid(process, NULL, WNOHANG) != 0)
            return true;
        nanosleep(&moment, NULL);
    }
    return false;
}

/* The server ends when its socket does, then its processes are gone, then bubblewrap ends. */
void sandbox_close(struct sandbox *sandbox) {
    if (sandbox == NULL)
        return;
    if (sandbox->socket >= 0)
        close(sandbox->socket);
    if (sandbox->process > 0 && !ends_by_itself(sandbox->process)) {
        kill(sandbox->process, SIGKILL);
        while (waitpid(sandbox->process, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    if (sandbox->messages >= 0)
        close(sandbox->messages);
    free(sandbox);
}

/* ---- commands ---- */

static bool pack_text(struct wire_command *wire, const char *text, struct error *error) {
    size_t size = strlen(text) + 1;

    if (size > sizeof wire->arguments - wire->argument_bytes ||
        wire->argument_count == WIRE_MAX_ARGUMENTS)
        return error_set(error, "the command line for the sandbox is longer than %zu bytes",
                         sizeof wire->arguments);
    memcpy(wire->arguments + wire->argument_bytes, text, size);
    wire->argument_bytes += (uint32_t)size;
    wire->argument_count++;
    return true;
}

static bool pack_arguments(struct wire_command *wire, const struct sandbox_command *command,
                           struct error *error) {
    bool fine = pack_text(wire, command->path != NULL ? command->path : "", error);

    for (const char *const *argument = command->arguments; fine && *argument != NULL; argument++)
        fine = pack_text(wire, *argument, error);
    return fine;
}

static bool send_command(const struct sandbox *sandbox, struct wire_command *wire,
                         const int descriptors[WIRE_COUNT], struct error *error) {
    char control[CMSG_SPACE(WIRE_COUNT * sizeof(int))] __attribute__((aligned(8))) = {0};
    struct iovec part = {wire, offsetof(struct wire_command, arguments) + wire->argument_bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control};
    struct cmsghdr *header = (struct cmsghdr *)(void *)control;
    int *list = (int *)(void *)CMSG_DATA(header);
    size_t count = 0;
    ssize_t sent;

    for (unsigned i = 0; i < WIRE_COUNT; i++)
        if (descriptors[i] >= 0) {
            list[count++] = descriptors[i];
            wire->present |= 1u << i;
        }
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    while ((sent = sendmsg(sandbox->socket, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        continue;
    return sent == (ssize_t)part.iov_len || sandbox_lost(sandbox, error);
}

bool sandbox_run(struct sandbox *sandbox, const struct sandbox_command *command,
                 struct sandbox_outcome *outcome, struct error *error) {
    const int descriptors[WIRE_COUNT] = {
        [WIRE_PROGRAM] = command->program, [WIRE_INPUT] = command->input,
        [WIRE_OUTPUT] = command->output,   [WIRE_ERRORS] = command->errors,
        [WIRE_EXTRA] = command->extra,     [WIRE_RESULT] = command->result,
    };
    struct wire_command *wire = allocate(1, sizeof *wire);
    struct wire_outcome reply = {0};
    bool fine;

    *outcome = (struct sandbox_outcome){0};
    wire->limits = command->limits;
    fine = pack_arguments(wire, command, error) && send_command(sandbox, wire, descriptors, error);
    free(wire);
    if (!fine)
        return false;
    if (!receive(sandbox, &reply))
        return sandbox_lost(sandbox, error);
    if (reply.failure[0] != '\0')
        return error_set(error, "the sandbox failed: %s", reply.failure);
    *outcome = reply.outcome;
    return true;
}
