/*
 * train-tokenizer: a byte-level BPE vocabulary from text fields of records, as tokenizer.json.
 */
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/tool.h"
#include "record/stream.h"
#include "text/bpe_train.h"

static const char *fields = "prompt,solution";
static const char *output;
static struct text_list specials;
static struct bpe_training training = {.vocabulary = -1, .end = "<|end|>"};

static const struct option_entry options[] = {
    {.kind = OPTION_INTEGER,
     .letter = 'n',
     .name = "vocabulary",
     .argument = "N",
     .target = &training.vocabulary,
     .minimum = 257,
     .maximum = 1 << 22,
     .help = "number of tokens: special ones, the 256 bytes, and what is learned"},
    {.kind = OPTION_TEXT,
     .letter = 'f',
     .name = "field",
     .argument = "NAMES",
     .target = &fields,
     .help = "learn from these fields, separated by commas (prompt,solution)"},
    {.kind = OPTION_TEXT,
     .name = "end",
     .argument = "TOKEN",
     .target = &training.end,
     .help = "the token that ends a completion, with id 0 (<|end|>)"},
    {.kind = OPTION_TEXT,
     .name = "begin",
     .argument = "TOKEN",
     .target = &training.begin,
     .help = "a token put before every text (none)"},
    {.kind = OPTION_TEXTS,
     .name = "special",
     .argument = "TOKEN",
     .target = &specials,
     .help = "one more special token (may be given several times)"},
    {.kind = OPTION_FILE,
     .letter = 'o',
     .name = "output",
     .argument = "FILE",
     .target = &output,
     .help = "write to FILE instead of standard output"},
    {OPTION_END},
};

static const struct tool tool = {
    .name = "train-tokenizer",
    .usage = "-n N [options] [FILE ...]",
    .summary = "Learns a byte-level BPE vocabulary from records: writes a tokenizer.json.",
    .options = options,
    .notes = "A field that a record lacks is passed over. Each digit is a token of its own. The\n"
             "configuration of a model made with it says \"eos_token_id\": 0.",
};

/* The text fields of one record that are named in `fields`. */
static bool add_record(struct bpe_trainer *trainer, const struct record *record,
                       struct error *error) {
    char *names = copy_text(fields), *rest = names;
    bool fine = true;

    for (const char *name; fine && (name = strsep(&rest, ",")) != NULL;) {
        struct text text;
        if (record_find(record, name) == NULL)
            continue;
        fine = record_text(record, name, &text, error) &&
               (bpe_trainer_add(trainer, text, error) || error_place(error, "field '%s'", name));
    }
    free(names);
    return fine;
}

static bool add_stream(struct bpe_trainer *trainer, const char *path, uint64_t *records,
                       struct error *error) {
    struct record_reader *reader = record_reader_open(path, error);
    struct record record = {0};
    enum read_result result = READ_FAILED;

    while (reader != NULL && (result = record_reader_next(reader, &record, error)) == READ_RECORD) {
        char name[96];
        if (stop_requested()) {
            error_set(error, "stopped by a signal");
            break;
        }
        if (add_record(trainer, &record, error))
            continue;
        record_describe(&record, record_reader_count(reader), name);
        error_place(error, "%s: %s", record_reader_name(reader), name);
        break;
    }
    if (reader != NULL)
        *records += record_reader_count(reader);
    record_free(&record);
    record_reader_close(reader);
    return result == READ_END;
}

static bool learn(const struct invocation *invocation, struct bpe_trainer *trainer,
                  struct error *error) {
    const struct operands *files = &invocation->operands;
    struct buffer json = {0};
    struct output_file file;
    uint64_t records = 0;
    int64_t size;

    if (files->count == 0 && !add_stream(trainer, NULL, &records, error))
        return false;
    for (size_t i = 0; i < files->count; i++)
        if (!add_stream(trainer, files->items[i], &records, error))
            return false;
    bool fine =
        bpe_trainer_finish(trainer, &json, &size, error) && output_open(&file, output, error);
    if (fine) {
        fine = output_write(&file, json.data, json.size, error) &&
               (!stop_requested() || error_set(error, "stopped by a signal")) &&
               output_commit(&file, error);
        output_abandon(&file);
    }
    buffer_free(&json);
    if (fine)
        tool_say(invocation, "%lld tokens from %llu records%s", (long long)size,
                 (unsigned long long)records,
                 size < training.vocabulary ? "; they have no more to learn from" : "");
    return fine;
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct bpe_trainer *trainer;
    struct error error = {0};

    tool_start(&invocation, &tool, argc, argv);
    if (training.vocabulary < 0)
        tool_misused(&invocation, "how many tokens? -n N says it");
    training.specials = specials.items;
    training.special_count = specials.count;
    trainer = bpe_trainer_open(&training, &error);
    if (trainer == NULL)
        tool_misused(&invocation, "%s", error.text);
    if (!learn(&invocation, trainer, &error))
        tool_fail(&invocation, &error);
    bpe_trainer_close(trainer);
    text_list_free(&specials);
    tool_end(&invocation);
    return 0;
}
