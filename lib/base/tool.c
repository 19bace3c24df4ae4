/* Start-up and end of a tool. */
#include "base/tool.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop_flag;

bool stop_requested(void) {
    return stop_flag != 0;
}

static void request_stop(int signal_number) {
    (void)signal_number;
    stop_flag = 1;
}

/* Without SA_RESTART, so that a read that waits on a pipe comes back. */
static void catch_signals(void) {
    struct sigaction action = {.sa_handler = request_stop};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write() */
}

/*
 * Spinning OpenMP threads beside a busy neighbour are several times slower than one thread. The
 * runtime reads its environment before main(), hence the second start.
 */
static void wait_passively(char **argv) {
    if (getenv("OMP_WAIT_POLICY") != NULL)
        return;
    setenv("OMP_WAIT_POLICY", "passive", 1);
    execv("/proc/self/exe", argv); /* where that fails, on with active waiting */
}

/* Bytes that could move the cursor or end the line are shown as \xNN; UTF-8 passes. */
static void print_line(const char *name, const char *text) {
    struct buffer line = {0};
    buffer_format(&line, "%s: ", name);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f)
            buffer_format(&line, "\\x%02x", *c);
        else
            buffer_append(&line, c, 1);
    }
    buffer_append_text(&line, "\n");
    fwrite(line.data, 1, line.size, stderr);
    buffer_free(&line);
}

static void print_help(const struct tool *tool, const struct option_entry *options) {
    struct buffer text = {0};
    const char *line = tool->usage;
    const char *lead = "usage:";
    while (line != NULL) {
        size_t size = strcspn(line, "\n");
        buffer_format(&text, "%-6s %s %.*s\n", lead, tool->name, (int)size, line);
        line = line[size] ? line + size + 1 : NULL;
        lead = "";
    }
    buffer_format(&text, "\n%s\n\n", tool->summary);
    options_describe(options, &text);
    if (tool->notes)
        buffer_format(&text, "\n%s\n", tool->notes);
    fwrite(text.data, 1, text.size, stdout);
    buffer_free(&text);
}

static void misused(const char *name, const char *text) {
    char *line = format_text("%s; see %s --help", text, name);
    print_line(name, line);
    free(line);
    exit(2);
}

void tool_start(struct invocation *invocation, const struct tool *tool, int argc, char **argv) {
    if (tool->computes)
        wait_passively(argv);
    *invocation = (struct invocation){.tool = tool};
    catch_signals();
    bool help = false, version = false;
    const struct option_entry common[] = {
        {OPTION_FLAG, 'q', "quiet", NULL, &invocation->quiet, "no progress and no summary",
         .flags = OPTION_SILENT},
        {OPTION_FLAG, 'h', "help", NULL, &help, "print this text", .flags = OPTION_SILENT},
        {OPTION_FLAG, 0, "version", NULL, &version, "print the version", .flags = OPTION_SILENT},
        {OPTION_END},
    };
    size_t own = 0, shared = sizeof common / sizeof common[0];
    while (tool->options && tool->options[own].kind != OPTION_END)
        own++;
    struct option_entry *options = allocate(own + shared, sizeof *options);
    if (own > 0)
        memcpy(options, tool->options, own * sizeof *options);
    memcpy(options + own, common, sizeof common);

    struct error error = {0};
    bool fine =
        options_parse(options, argc, argv, &invocation->operands, &invocation->arguments, &error);
    if (help) {
        print_help(tool, options);
    } else if (version) {
        printf("%s (lockpick) %s\n", tool->name, LOCKPICK_VERSION);
    } else if (!fine) {
        misused(tool->name, error.text);
    }
    free(options);
    if (help || version) {
        bool written = fflush(stdout) == 0;
        buffer_free(&invocation->arguments);
        exit(written ? 0 : 1);
    }
}

void tool_end(struct invocation *invocation) {
    buffer_free(&invocation->arguments);
}

void tool_fail(const struct invocation *invocation, const struct error *error) {
    print_line(invocation->tool->name, error->text);
    exit(1);
}

void tool_misused(const struct invocation *invocation, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    misused(invocation->tool->name, text);
    abort(); /* not reached */
}

static void say(const struct invocation *invocation, const char *format, va_list arguments) {
    char text[1024];
    vsnprintf(text, sizeof text, format, arguments);
    print_line(invocation->tool->name, text);
}

void tool_say(const struct invocation *invocation, const char *format, ...) {
    if (invocation->quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    say(invocation, format, arguments);
    va_end(arguments);
}

void tool_warn(const struct invocation *invocation, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(invocation, format, arguments);
    va_end(arguments);
}
