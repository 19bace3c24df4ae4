/*
 * gen-mini: problems of the mini tasks, which models of a million parameters learn; or completions
 * of mini-math from one language into the other.
 */
#include "base/progress.h"
#include "base/tool.h"
#include "record/filter.h"
#include "task/mini.h"

static const char *task_name;
static int64_t count = -1, first;
static struct mini_settings settings;
static int translate = -1; /* language to translate into; −1: writes problems */
static struct filter_settings filter = FILTER_DEFAULTS;

static const struct option_entry options[] = {
    {.kind = OPTION_TEXT,
     .letter = 't',
     .name = "task",
     .argument = "TASK",
     .target = &task_name,
     .help = "mini-math, mini-choice, mini-code, mini-critique, mini-critique-labelled, "
             "mini-judge"},
    {.kind = OPTION_INTEGER,
     .letter = 'n',
     .name = "count",
     .argument = "N",
     .target = &count,
     .minimum = 0,
     .maximum = 4e9,
     .help = "number of problems, all different"},
    {.kind = OPTION_SEED,
     .letter = 's',
     .name = "seed",
     .argument = "N",
     .target = &settings.seed,
     .help = "draw the problems from this seed (0)"},
    {.kind = OPTION_INTEGER,
     .name = "first",
     .argument = "N",
     .target = &first,
     .minimum = 0,
     .maximum = 4e9,
     .help = "begin with problem number N of the seed (0)"},
    {.kind = OPTION_CHOICE,
     .name = "language",
     .choices = MINI_LANGUAGES,
     .target = &settings.language,
     .help = "English (default), or Spanish with answers in ASCII-Math: mini-math only"},
    {.kind = OPTION_REAL,
     .name = "mistaken",
     .argument = "SHARE",
     .target = &settings.mistaken,
     .minimum = 0,
     .maximum = 1,
     .help = "this share of the solutions makes the usual mistake of the task (0)"},
    {.kind = OPTION_CHOICE,
     .name = "translate",
     .choices = MINI_LANGUAGES,
     .target = &translate,
     .help = "instead: read completions of mini-math, and translate them into this language"},
    FILTER_OPTIONS(filter),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "gen-mini",
    .usage = "-t TASK -n N [options]\n--translate LANGUAGE [options] [FILE ...]",
    .summary = "Writes problems of a mini task as a record stream, or translates completions.",
    .options = options,
};

static bool write_problems(struct mini_stream *stream, struct record_writer *writer, bool quiet,
                           struct error *error) {
    struct record record = {0};
    struct progress progress;
    bool fine = true;

    progress_start(&progress, tool.name, "problems", (uint64_t)count, quiet);
    for (int64_t number = 0; fine && number < first + count; number++) {
        fine = mini_stream_next(stream, &record, error);
        if (fine && number >= first) {
            fine = record_writer_add(writer, &record, error);
            progress_add(&progress, 1, NULL);
        }
        if (fine && stop_requested())
            fine = error_set(error, "stopped by a signal");
    }
    if (fine)
        progress_finish(&progress, NULL);
    record_free(&record);
    return fine;
}

static bool write_stream(const struct invocation *invocation, struct mini_stream *stream,
                         struct error *error) {
    struct record_writer *writer = source_open(invocation, &filter, &settings.seed, error);

    if (writer == NULL)
        return false;
    if (write_problems(stream, writer, invocation->quiet, error))
        return record_writer_close(writer, error);
    record_writer_abandon(writer);
    return false;
}

static void generate(const struct invocation *invocation) {
    const struct mini_task *task;
    struct mini_stream *stream;
    struct error error = {0};

    if (invocation->operands.count > 0)
        tool_misused(invocation, "'%s': it reads no input without --translate",
                     invocation->operands.items[0]);
    if (task_name == NULL || count < 0)
        tool_misused(invocation, "which problems, and how many? -t TASK -n N says it");
    task = mini_task_find(task_name, &error);
    stream = task == NULL ? NULL : mini_stream_open(task, &settings, &error);
    if (stream == NULL)
        tool_misused(invocation, "%s", error.text);
    if (!write_stream(invocation, stream, &error))
        tool_fail(invocation, &error);
    mini_stream_close(stream);
}

/* The completion in the other language; what was made of the old one is gone. */
static bool translate_record(void *context, struct record *record, struct error *error) {
    static const char *const stale[] = {"token_ids", "n_tokens", "logprob", "scored"};
    struct buffer *text = context;
    struct text completion;

    if (!record_text(record, "completion", &completion, error))
        return false;
    text->size = 0;
    mini_math_translate(completion, translate, text);
    record_begin_group(record, GROUP_EMBEDDING);
    record_begin_group(record, GROUP_GRADED);
    for (size_t i = 0; i < sizeof stale / sizeof *stale; i++)
        record_remove(record, stale[i]);
    record_set_text(record, "completion", (struct text){(const char *)text->data, text->size});
    return true;
}

static void translate_stream(const struct invocation *invocation) {
    struct buffer text = {0};
    struct error error = {0};
    struct filter *stream;

    if (task_name != NULL || count >= 0 || first > 0)
        tool_misused(invocation, "--translate reads completions: -t, -n and --first go without it");
    stream = filter_open(invocation, &filter, 0, NULL, &error);
    if (stream == NULL || !filter_each(stream, translate_record, &text, &error))
        tool_fail(invocation, &error);
    buffer_free(&text);
}

int main(int argc, char **argv) {
    struct invocation invocation;

    tool_start(&invocation, &tool, argc, argv);
    if (translate < 0)
        generate(&invocation);
    else
        translate_stream(&invocation);
    tool_end(&invocation);
    return 0;
}
