/* posix_spawn, a pipe, and a bound. */
#include "grade/program_output.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 65536 };

static void read_all(int descriptor, struct buffer *text) {
    ssize_t size;

    text->size = 0;
    do {
        size = read(descriptor, buffer_reserve(text, MOST + 1), MOST - text->size);
        text->size += size > 0 ? (size_t)size : 0;
    } while (size > 0 || (size < 0 && errno == EINTR));
    buffer_reserve(text, 1)[0] = '\0';
}

static int spawn(const char *const *command, int output, pid_t *process) {
    posix_spawn_file_actions_t actions;
    int status;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    status = posix_spawnp(process, command[0], &actions, NULL, (char *const *)(uintptr_t)command,
                          environ);
    posix_spawn_file_actions_destroy(&actions);
    return status;
}

bool program_output(const char *const *command, struct buffer *text, struct error *error) {
    int ends[2], status;
    pid_t process;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(error, "pipe");
    status = spawn(command, ends[1], &process);
    close(ends[1]);
    if (status != 0) {
        close(ends[0]);
        return error_set(error, "%s: %s", command[0], strerror(status));
    }
    read_all(ends[0], text);
    close(ends[0]);
    while (waitpid(process, &status, 0) < 0 && errno == EINTR)
        continue;
    return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
           error_set(error, "%s %s fails", command[0], command[1] != NULL ? command[1] : "");
}
