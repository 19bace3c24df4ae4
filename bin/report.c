/*
 * report: descriptions of figures, their results and pictures to one page of HTML that says what
 * the paper showed, what ours shows, and where the two differ.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/tool.h"
#include "result/report.h"

static const char *output;
static const char *root = ".";
static const char *title = "Password-locked models: the paper's figures and ours";
static struct text_list notes;

static const struct option_entry options[] = {
    {OPTION_FILE, 0, "root", "FOLDER", &root,
     "the folder that files named in descriptions are relative to (default .)"},
    {OPTION_TEXT, 't', "title", "TEXT", &title, "the page's title"},
    {OPTION_TEXTS, 'n', "note", "TEXT", &notes, "a paragraph below the title; may be repeated"},
    {OPTION_FILE, 'o', "output", "FILE", &output, "write to FILE instead of standard output"},
    {OPTION_END},
};

static const struct tool tool = {
    .name = "report",
    .usage = "[options] FIGURE.json ...",
    .summary = "Writes one HTML page from descriptions of figures, their results and pictures.",
    .options = options,
    .notes = "What a description says stands in the manual, lockpick-report(1).",
};

struct figures {
    struct description *items;
    size_t count;
};

static void figures_free(struct figures *figures) {
    for (size_t i = 0; i < figures->count; i++)
        description_free(&figures->items[i]);
    free(figures->items);
}

/* Two figures of one id would answer to the same link. */
static bool is_new(const struct figures *figures, const char *path, struct error *error) {
    const struct description *last = &figures->items[figures->count - 1];
    for (size_t i = 0; i + 1 < figures->count; i++)
        if (strcmp(figures->items[i].id, last->id) == 0)
            return error_set(error,
                             "%s: another description has the name '%s'; other names of "
                             "files would be right",
                             path, last->id);
    return true;
}

static bool read_figures(const struct operands *operands, struct figures *figures,
                         struct error *error) {
    figures->items = allocate(operands->count, sizeof *figures->items);
    for (size_t i = 0; i < operands->count; i++) {
        if (stop_requested())
            return error_set(error, "stopped by a signal");
        if (!description_read(&figures->items[i], operands->items[i], root, i + 1, error))
            return false;
        figures->count++;
        if (!is_new(figures, operands->items[i], error))
            return false;
    }
    return true;
}

static bool write_page(const struct figures *figures, struct error *error) {
    const struct report report = {
        .title = title,
        .notes = notes.items,
        .note_count = notes.count,
        .version = LOCKPICK_VERSION,
        .figures = figures->items,
        .figure_count = figures->count,
    };
    struct buffer page = {0};
    struct output_file file;
    bool fine = report_write(&report, &page, error) && output_open(&file, output, error);
    if (fine) {
        fine = output_write(&file, page.data, page.size, error);
        if (fine)
            fine = output_commit(&file, error);
        else
            output_abandon(&file);
    }
    buffer_free(&page);
    return fine;
}

static void say_summary(const struct invocation *invocation, const struct figures *figures) {
    size_t counts[VERDICTS] = {0}, unmeasured = 0;
    for (size_t i = 0; i < figures->count; i++) {
        for (int k = 0; k < VERDICTS; k++)
            counts[k] += figures->items[i].claims.counts[k];
        unmeasured += figures->items[i].rows.count == 0;
    }
    tool_say(invocation,
             "%zu figures, %zu of them without results; claims: %zu hold, %zu do not, %zu left "
             "open, %zu not measured",
             figures->count, unmeasured, counts[VERDICT_HOLDS], counts[VERDICT_FAILS],
             counts[VERDICT_UNDECIDED], counts[VERDICT_UNMEASURED]);
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct figures figures = {0};
    struct error error = {0};
    tool_start(&invocation, &tool, argc, argv);
    if (invocation.operands.count == 0)
        tool_misused(&invocation, "no description; FIGURE.json would be right");
    if (output == NULL && isatty(STDOUT_FILENO))
        tool_misused(&invocation, "a page is not for a terminal; -o FILE would be right");
    const bool fine =
        read_figures(&invocation.operands, &figures, &error) && write_page(&figures, &error);
    if (fine)
        say_summary(&invocation, &figures);
    figures_free(&figures);
    text_list_free(&notes);
    if (!fine)
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
