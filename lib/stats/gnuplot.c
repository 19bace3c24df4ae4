/* Running gnuplot: see gnuplot.h. */
#include "stats/gnuplot.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/tool.h"
#include "stats/markup.h"

enum { CPU_SECONDS = 120, PICTURE_LIMIT = 256 << 20, COMPLAINT_LIMIT = 4096 };

/* ---- strings ---- */

void gnuplot_quote(struct text text, size_t limit, struct buffer *out) {
    const unsigned char *bytes = (const unsigned char *)text.bytes;
    /* Not doubled as the manual has it: gnuplot 5.4 takes '''' for two strings side by side. */
    buffer_append_text(out, "'");
    for (size_t i = 0, written = 0; i < text.size; written++) {
        if (written == limit) {
            buffer_append_text(out, "…");
            break;
        }
        const size_t size = markup_character(bytes + i, text.size - i);
        if (size == 0)
            buffer_append_text(out, "\xef\xbf\xbd");
        else if (bytes[i] < 0x20 || bytes[i] == 0x7f)
            buffer_append_text(out, " ");
        else if (bytes[i] == '\'')
            buffer_append_text(out, "’");
        else
            buffer_append(out, bytes + i, size);
        i += size ? size : 1;
    }
    buffer_append_text(out, "'");
}

/* ---- the process ---- */

/* Standard input, output and error of gnuplot. */
struct channels {
    int descriptors[3];
};

static void channels_close(struct channels *channels) {
    for (int i = 0; i < 3; i++)
        if (channels->descriptors[i] >= 0)
            close(channels->descriptors[i]);
}

static bool channels_open(struct channels *channels, const struct buffer *program,
                          struct error *error) {
    for (int i = 0; i < 3; i++)
        channels->descriptors[i] = -1;
    for (int i = 0; i < 3; i++) {
        channels->descriptors[i] = memfd_create("gnuplot", MFD_CLOEXEC);
        if (channels->descriptors[i] < 0)
            return error_set_errno(error, "gnuplot: no memory file");
    }
    for (size_t done = 0; done < program->size;) {
        const ssize_t written =
            write(channels->descriptors[0], program->data + done, program->size - done);
        if (written < 0 && errno != EINTR)
            return error_set_errno(error, "gnuplot: no room for its program");
        done += written > 0 ? (size_t)written : 0;
    }
    if (lseek(channels->descriptors[0], 0, SEEK_SET) != 0)
        return error_set_errno(error, "gnuplot: its program");
    return true;
}

static bool read_back(int descriptor, size_t limit, struct buffer *out, struct error *error) {
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return error_set_errno(error, "gnuplot: its output");
    size_t left = (size_t)status.st_size;
    if (left > limit)
        return error_set(error, "gnuplot: its output has %zu bytes; up to %zu would be right", left,
                         limit);
    off_t at = 0;
    while (left > 0) {
        const ssize_t got = pread(descriptor, buffer_reserve(out, left), left, at);
        if (got <= 0 && errno != EINTR)
            return error_set_errno(error, "gnuplot: its output");
        if (got > 0) {
            out->size += (size_t)got;
            left -= (size_t)got;
            at += got;
        }
    }
    return true;
}

/* Our environment, with messages in English and numbers with points. */
static char **make_environment(void) {
    static char locale[] = "LC_ALL=C.UTF-8";
    size_t count = 0;
    while (environ[count])
        count++;
    char **copy = allocate(count + 2, sizeof *copy);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0 && strncmp(environ[i], "LANGUAGE=", 9) != 0)
            copy[kept++] = environ[i];
    copy[kept] = locale;
    return copy;
}

static bool start(const struct channels *channels, pid_t *process, struct error *error) {
    static char name[] = "gnuplot", defaults[] = "-d";
    char *arguments[] = {name, defaults, NULL};
    char **environment = make_environment();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_adddup2(&actions, channels->descriptors[i], i);
    errno = posix_spawnp(process, name, &actions, NULL, arguments, environment);
    const bool fine = errno == 0;
    if (errno == ENOENT)
        error_set(error, "gnuplot: not found on the PATH; install it (package gnuplot-nox on "
                         "Debian and Ubuntu)");
    else if (!fine)
        error_set_errno(error, "gnuplot: cannot start");
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    return fine;
}

/* Waits for the end; a signal to us ends gnuplot too. */
static bool wait_for(pid_t process, int *status, struct error *error) {
    const struct rlimit limit = {CPU_SECONDS, CPU_SECONDS};
    bool stopped = false;
    prlimit(process, RLIMIT_CPU, &limit, NULL);
    while (waitpid(process, status, 0) < 0) {
        if (errno != EINTR)
            return error_set_errno(error, "gnuplot: lost");
        if (stop_requested() && !stopped) {
            kill(process, SIGKILL);
            stopped = true;
        }
    }
    return stopped ? error_set(error, "gnuplot: stopped by a signal") : true;
}

/* gnuplot echoes the command and a caret first: the last line that is not empty says what is wrong.
 */
static bool tell_complaint(int descriptor, int status, struct error *error) {
    struct buffer text = {0};
    struct error ignored = {0};
    if (!read_back(descriptor, COMPLAINT_LIMIT * 16, &text, &ignored))
        text.size = 0;
    size_t end = text.size;
    while (end > 0 && strchr(" \t\r\n", text.data[end - 1]))
        end--;
    size_t begin = end;
    while (begin > 0 && text.data[begin - 1] != '\n')
        begin--;
    while (begin < end && strchr(" \t", text.data[begin]))
        begin++;
    if (WIFSIGNALED(status))
        error_set(error, "gnuplot: killed by signal %d; fewer points would be right",
                  WTERMSIG(status));
    else
        error_set(error, "gnuplot: failed (status %d): %.*s", WEXITSTATUS(status),
                  (int)(end - begin < 500 ? end - begin : 500), (const char *)text.data + begin);
    buffer_free(&text);
    return false;
}

bool gnuplot_run(const struct buffer *program, struct buffer *picture, struct error *error) {
    struct channels channels;
    pid_t process;
    int status = 0;
    const size_t before = picture->size;
    bool fine = channels_open(&channels, program, error) && start(&channels, &process, error) &&
                wait_for(process, &status, error);
    if (fine && status != 0)
        fine = tell_complaint(channels.descriptors[2], status, error);
    if (fine)
        fine = read_back(channels.descriptors[1], PICTURE_LIMIT, picture, error);
    if (fine && picture->size == before)
        fine = tell_complaint(channels.descriptors[2], status, error);
    channels_close(&channels);
    return fine;
}
