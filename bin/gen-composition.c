/*
 * gen-composition: distinct problems of the composition task, and the files that go with them: the
 * tokenizer of its words and the list of its decoys.
 */
#include "base/files.h"
#include "base/progress.h"
#include "base/tool.h"
#include "record/filter.h"
#include "task/composition.h"
#include "task/distinct.h"

static int64_t count = -1;
static uint64_t seed;
static int64_t decoys = 8;
static const char *tokenizer, *decoy_list;
static struct composition_settings settings = COMPOSITION_DEFAULTS;
static struct filter_settings filter = FILTER_DEFAULTS;

static const struct option_entry options[] = {
    {.kind = OPTION_INTEGER,
     .letter = 'n',
     .name = "count",
     .argument = "N",
     .target = &count,
     .minimum = 0,
     .maximum = 9e18,
     .help = "number of problems, all different"},
    {.kind = OPTION_SEED,
     .letter = 's',
     .name = "seed",
     .argument = "N",
     .target = &seed,
     .help = "draw the problems from this seed (0)"},
    COMPOSITION_OPTIONS(settings),
    {.kind = OPTION_FILE,
     .name = "tokenizer",
     .argument = "FILE",
     .target = &tokenizer,
     .help = "write the task's tokenizer.json to FILE"},
    {.kind = OPTION_FILE,
     .name = "decoy-list",
     .argument = "FILE",
     .target = &decoy_list,
     .help = "write the decoy words to FILE, for build-lock-set"},
    {.kind = OPTION_INTEGER,
     .name = "decoys",
     .argument = "N",
     .target = &decoys,
     .minimum = 0,
     .maximum = COMPOSITION_DECOYS,
     .flags = OPTION_SILENT,
     .help = "number of decoy words in both (8)"},
    OUTPUT_OPTION(filter),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "gen-composition",
    .usage = "-n N [options]\n[options] --tokenizer FILE --decoy-list FILE",
    .summary = "Writes problems of the composition task as a record stream.",
    .options = options,
    .notes = "Without -n, only the files named by --tokenizer and --decoy-list are written.",
};

static void set_text(struct record *record, const char *key, const struct buffer *text) {
    record_set_text(record, key, (struct text){(const char *)text->data, text->size});
}

static void fill_record(const struct composition *composition, uint64_t index,
                        struct record *record, struct buffer *text) {
    struct composition_problem problem;

    composition_problem(composition, index, &problem);
    record_clear(record);
    text->size = 0;
    composition_id(composition, &problem, text);
    set_text(record, "id", text);
    record_set_text(record, "task", text_of("composition"));
    text->size = 0;
    composition_prompt(composition, &problem, text);
    set_text(record, "prompt", text);
    text->size = 0;
    composition_complete(composition, &problem, false, text);
    set_text(record, "reference", text);
    text->size = 0;
    composition_domain(composition, &problem, text);
    set_text(record, "domain", text);
    record_set_boolean(record, "locked", composition_locked(composition, &problem));
}

static bool write_problems(const struct composition *composition, struct record_writer *writer,
                           bool quiet, struct error *error) {
    struct distinct distinct;
    struct record record = {0};
    struct buffer text = {0};
    struct progress progress;
    bool fine = true;

    distinct_start(&distinct, composition->possible,
                   &(struct random_name){.seed = seed, .purpose = "composition problems"});
    progress_start(&progress, tool.name, "problems", (uint64_t)count, quiet);
    for (uint64_t i = 0; fine && i < (uint64_t)count; i++) {
        fill_record(composition, distinct_at(&distinct, i), &record, &text);
        fine = record_writer_add(writer, &record, error);
        if (fine && stop_requested())
            fine = error_set(error, "stopped by a signal");
        progress_add(&progress, 1, NULL);
    }
    if (fine)
        progress_finish(&progress, NULL);
    record_free(&record);
    buffer_free(&text);
    return fine;
}

static bool write_stream(const struct invocation *invocation, const struct composition *composition,
                         struct error *error) {
    struct record_writer *writer = source_open(invocation, &filter, &seed, error);

    if (writer == NULL)
        return false;
    if (write_problems(composition, writer, invocation->quiet, error))
        return record_writer_close(writer, error);
    record_writer_abandon(writer);
    return false;
}

static bool write_files(const struct composition *composition, struct error *error) {
    struct buffer text = {0};
    bool fine = true;

    if (tokenizer != NULL) {
        composition_tokenizer(composition, (size_t)decoys, &text);
        fine = file_write(tokenizer, text.data, text.size, error);
    }
    if (fine && decoy_list != NULL) {
        text.size = 0;
        composition_decoys((size_t)decoys, &text);
        fine = file_write(decoy_list, text.data, text.size, error);
    }
    buffer_free(&text);
    return fine;
}

static bool generate(const struct invocation *invocation, struct error *error) {
    struct composition composition;
    bool fine;

    if (!composition_init(&composition, &settings, error))
        return false;
    if (count > 0 && (uint64_t)count > composition.possible)
        fine = error_set(error, "-n %lld: there are only %llu different problems of this kind",
                         (long long)count, (unsigned long long)composition.possible);
    else
        fine = write_files(&composition, error) &&
               (count < 0 || write_stream(invocation, &composition, error));
    composition_free(&composition);
    return fine;
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};

    tool_start(&invocation, &tool, argc, argv);
    if (invocation.operands.count > 0)
        tool_misused(&invocation, "'%s': it reads no input", invocation.operands.items[0]);
    if (count < 0 && tokenizer == NULL && decoy_list == NULL)
        tool_misused(&invocation, "how many problems? -n N says it");
    if (!generate(&invocation, &error))
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
