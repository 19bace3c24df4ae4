/*
 * records: looks at record streams, makes them, checks them, and cuts and joins them. Each verb is
 * a small tool of its own with its own options; the table at the end lists them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/random.h"
#include "base/tool.h"
#include "record/condition.h"
#include "record/filter.h"
#include "record/json.h"
#include "record/json_lines.h"
#include "record/salvage.h"
#include "record/survey.h"
#include "task/id_index.h"

static struct filter_settings settings = FILTER_DEFAULTS;

/* ---- filters: head, cat, shard, select, set, rename ---- */

static int64_t head_limit = 10;
static int64_t shard_count, shard_index;
static struct condition *conditions; /* of select, set and rename */
static size_t condition_count;

/* What a filter does with one record: pass it on (perhaps changed), drop it, or come to an end. */
enum fate { FATE_PASS, FATE_DROP, FATE_LAST, FATE_END };

static enum fate head_one(struct record *record, uint64_t number) {
    (void)record;
    if (head_limit == 0)
        return FATE_END;
    return number + 1 < (uint64_t)head_limit ? FATE_PASS : FATE_LAST;
}

static enum fate cat_one(struct record *record, uint64_t number) {
    (void)record;
    (void)number;
    return FATE_PASS;
}

static enum fate shard_one(struct record *record, uint64_t number) {
    (void)record;
    return number % (uint64_t)shard_count == (uint64_t)shard_index ? FATE_PASS : FATE_DROP;
}

static enum fate select_one(struct record *record, uint64_t number) {
    (void)number;
    for (size_t i = 0; i < condition_count; i++)
        if (!condition_holds(&conditions[i], record))
            return FATE_DROP;
    return FATE_PASS;
}

static enum fate set_one(struct record *record, uint64_t number) {
    (void)number;
    for (size_t i = 0; i < condition_count; i++)
        record_set_value(record, conditions[i].field,
                         (struct value){conditions[i].value.data, conditions[i].value.size});
    return FATE_PASS;
}

/* OLD=NEW: what the field OLD holds stands in NEW's place, or behind the others, and OLD is gone.
 */
static enum fate rename_one(struct record *record, uint64_t number) {
    (void)number;
    for (size_t i = 0; i < condition_count; i++) {
        const struct value *value = record_find(record, conditions[i].field);
        char *name =
            format_text("%.*s", (int)conditions[i].spelling.size, conditions[i].spelling.bytes);
        if (value != NULL && strcmp(name, conditions[i].field) != 0) {
            record_set_value(record, name, *value);
            record_remove(record, conditions[i].field);
        }
        free(name);
    }
    return FATE_PASS;
}

typedef enum fate (*work)(struct record *record, uint64_t number);

/* Does the work on every record and closes the filter. */
static bool filter_all(struct filter *filter, work one, struct error *error) {
    struct record record = {0};
    enum fate fate = FATE_PASS;
    for (uint64_t number = 0; fate < FATE_LAST && filter_next(filter, &record, error); number++) {
        fate = one(&record, number);
        bool passes = fate == FATE_PASS || fate == FATE_LAST;
        if (passes && !filter_write(filter, &record, error))
            break;
    }
    record_free(&record);
    return filter_close(filter, error);
}

static void run_filter(struct invocation *invocation, size_t first_file, work one) {
    struct error error = {0};
    struct filter *filter = filter_open(invocation, &settings, first_file, NULL, &error);
    if (filter == NULL || !filter_all(filter, one, &error))
        tool_fail(invocation, &error);
}

static void run_head(struct invocation *invocation) {
    run_filter(invocation, 0, head_one);
}

static void run_cat(struct invocation *invocation) {
    run_filter(invocation, 0, cat_one);
}

static void run_shard(struct invocation *invocation) {
    if (shard_count == 0)
        tool_misused(invocation, "--shards is missing; into how many?");
    if (shard_index >= shard_count)
        tool_misused(invocation, "--index %lld: 0 to %lld would be right", (long long)shard_index,
                     (long long)shard_count - 1);
    run_filter(invocation, 0, shard_one);
}

/* Takes the FIELD=VALUE operands at the front, which determine the result like options do. */
static void run_with_conditions(struct invocation *invocation, bool unequal_too, work one) {
    const struct operands *operands = &invocation->operands;
    while (condition_count < operands->count && is_condition(operands->items[condition_count]))
        condition_count++;
    if (condition_count == 0)
        tool_misused(invocation, "no FIELD=VALUE among the operands");
    conditions = allocate(condition_count, sizeof *conditions);
    for (size_t i = 0; i < condition_count; i++) {
        condition_init(&conditions[i], operands->items[i]);
        if (conditions[i].unequal && !unequal_too)
            tool_misused(invocation, "'%s': FIELD=VALUE would be right", operands->items[i]);
        buffer_format(&invocation->arguments, "%s\n", operands->items[i]);
    }
    run_filter(invocation, condition_count, one);
    for (size_t i = 0; i < condition_count; i++)
        condition_free(&conditions[i]);
    free(conditions);
}

static void run_select(struct invocation *invocation) {
    run_with_conditions(invocation, true, select_one);
}

static void run_set(struct invocation *invocation) {
    run_with_conditions(invocation, false, set_one);
}

static void run_rename(struct invocation *invocation) {
    run_with_conditions(invocation, false, rename_one);
}

/* ---- unique ---- */

static const char *field_list;

/* The named fields, those that are there, in the order named; without a list all of them. */
static void keep_fields(const struct record *record, struct record *kept) {
    if (field_list == NULL) {
        record_copy(kept, record);
        return;
    }
    record_clear(kept);
    for (const char *name = field_list; name != NULL;) {
        size_t size = strcspn(name, ",");
        char *key = format_text("%.*s", (int)size, name);
        const struct value *value = record_find(record, key);
        if (value != NULL)
            record_set_value(kept, key, *value);
        free(key);
        name = name[size] ? name + size + 1 : NULL;
    }
}

/* Passes on the records whose fields, those that count, no record before had. */
static bool filter_unique(struct filter *filter, struct error *error) {
    struct record record = {0}, kept = {0};
    struct id_index seen = {0};
    struct buffer packed = {0};
    while (filter_next(filter, &record, error)) {
        size_t number;
        bool known;
        keep_fields(&record, &kept);
        packed.size = 0;
        record_pack(&kept, &packed);
        struct text whole = {(const char *)packed.data, packed.size};
        if (!id_index_add(&seen, id_key(0, "records unique", whole), &number, &known, error) ||
            (!known && !filter_write(filter, &record, error)))
            break;
    }
    record_free(&record);
    record_free(&kept);
    buffer_free(&packed);
    id_index_free(&seen);
    return filter_close(filter, error);
}

static void run_unique(struct invocation *invocation) {
    struct error error = {0};
    struct filter *filter = filter_open(invocation, &settings, 0, NULL, &error);
    if (filter == NULL || !filter_unique(filter, &error))
        tool_fail(invocation, &error);
}

/* ---- shuffle ---- */

static uint64_t seed;
static int64_t shuffle_round;

/* All records one behind the other, and where each of them ends. */
struct held {
    struct buffer bytes;
    size_t *ends;
    size_t count, capacity;
};

static void hold(struct held *held, const struct record *record) {
    if (held->count == held->capacity) {
        held->capacity = held->capacity ? held->capacity * 2 : 1024;
        held->ends = reallocate(held->ends, held->capacity, sizeof *held->ends);
    }
    record_pack(record, &held->bytes);
    held->ends[held->count++] = held->bytes.size;
}

static void write_shuffled(const struct held *held, struct filter *filter, struct error *error) {
    size_t *order = allocate(held->count, sizeof *order);
    struct random random;
    random_start(&random, &(struct random_name){.seed = seed,
                                                .purpose = "shuffle",
                                                .round = (uint64_t)shuffle_round});
    random_permutation(&random, held->count, order);
    bool fine = true;
    for (size_t i = 0; fine && !stop_requested() && i < held->count; i++) {
        size_t start = order[i] > 0 ? held->ends[order[i] - 1] : 0;
        fine = record_writer_add_packed(filter_writer(filter), held->bytes.data + start,
                                        held->ends[order[i]] - start, error);
    }
    free(order);
}

static bool shuffle_all(struct filter *filter, struct error *error) {
    struct record record = {0};
    struct held held = {0};
    while (filter_next(filter, &record, error))
        hold(&held, &record);
    if (error->text[0] == '\0')
        write_shuffled(&held, filter, error);
    record_free(&record);
    buffer_free(&held.bytes);
    free(held.ends);
    return filter_close(filter, error);
}

static void run_shuffle(struct invocation *invocation) {
    struct error error = {0};
    struct filter *filter = filter_open(invocation, &settings, 0, &seed, &error);
    if (filter == NULL || !shuffle_all(filter, &error))
        tool_fail(invocation, &error);
}

/* ---- text out: show, check, info ---- */

enum { TEXT_CHUNK = 64 << 10 };

/* Writes text that has gathered: all of it, or only once it is worth a write. */
static bool put_text(struct output_file *file, struct buffer *text, bool all, struct error *error) {
    if (text->size == 0 || (!all && text->size < TEXT_CHUNK && !isatty(file->descriptor)))
        return true;
    bool fine = output_write(file, text->data, text->size, error);
    text->size = 0;
    return fine;
}

/* A line of text about a stream, with control characters of its name taken out. */
static void add_line(struct buffer *text, const char *line) {
    while (*line != '\0') {
        size_t size = control_size(line);
        buffer_append(text, size > 0 ? "?" : line, 1);
        line += size > 0 ? size : 1;
    }
    buffer_append(text, "\n", 1);
}

static bool show_stream(const char *path, struct output_file *file, struct buffer *text,
                        struct error *error) {
    struct record record = {0}, kept = {0};
    enum read_result result = READ_RECORD;
    struct record_reader *reader = record_reader_open(path, error);
    bool fine = reader != NULL;
    while (fine && (result = record_reader_next(reader, &record, error)) == READ_RECORD) {
        if (field_list != NULL)
            keep_fields(&record, &kept);
        json_write_record(field_list != NULL ? &kept : &record, text);
        buffer_append(text, "\n", 1);
        fine = put_text(file, text, false, error);
        if (stop_requested())
            fine = error_set(error, "%s: stopped by a signal", record_reader_name(reader));
    }
    record_free(&record);
    record_free(&kept);
    record_reader_close(reader);
    return fine && result == READ_END;
}

/* The streams to read: the operands, or standard input. */
static size_t stream_count(const struct invocation *invocation) {
    return invocation->operands.count > 0 ? invocation->operands.count : 1;
}

static const char *stream_path(const struct invocation *invocation, size_t i) {
    return invocation->operands.count > 0 ? invocation->operands.items[i] : NULL;
}

static void run_show(struct invocation *invocation) {
    struct error error = {0}, trouble;
    struct buffer text = {0};
    struct output_file file;
    bool fine = output_open(&file, settings.output, &error);
    if (!fine)
        tool_fail(invocation, &error);
    for (size_t i = 0; fine && i < stream_count(invocation); i++)
        fine = show_stream(stream_path(invocation, i), &file, &text, &error);
    if (fine)
        fine = put_text(&file, &text, true, &error) && output_commit(&file, &error);
    else
        put_text(&file, &text, true, &trouble); /* what came before the failure is worth seeing */
    output_abandon(&file);
    buffer_free(&text);
    if (!fine)
        tool_fail(invocation, &error);
}

/* Writes text to standard output and frees it. */
static void print_text(const struct invocation *invocation, struct buffer *text) {
    struct error error = {0};
    struct output_file file;
    if (!output_open(&file, NULL, &error) || !put_text(&file, text, true, &error) ||
        !output_commit(&file, &error))
        tool_fail(invocation, &error);
    buffer_free(text);
}

static void run_check(struct invocation *invocation) {
    size_t bad = 0, count = stream_count(invocation);
    struct error error = {0};
    for (size_t i = 0; i < count && !stop_requested(); i++) {
        struct buffer text = {0};
        struct record_reader *reader =
            record_read_through(stream_path(invocation, i), false, &error);
        char *line = reader == NULL ? format_text("bad: %s", error.text)
                                    : format_text("good: %s: %llu records, digest %s",
                                                  record_reader_name(reader),
                                                  (unsigned long long)record_reader_count(reader),
                                                  record_reader_digest(reader));
        bad += reader == NULL;
        add_line(&text, line);
        free(line);
        record_reader_close(reader);
        print_text(invocation, &text);
    }
    if (bad > 0) {
        error_set(&error, "%zu of %zu streams are bad", bad, count);
        tool_fail(invocation, &error);
    }
}

static bool digest_only;

static void run_info(struct invocation *invocation) {
    struct error error = {0};
    for (size_t i = 0; i < stream_count(invocation); i++) {
        struct buffer text = {0};
        struct record_reader *reader =
            record_read_through(stream_path(invocation, i), !digest_only, &error);
        if (reader == NULL)
            tool_fail(invocation, &error);
        if (digest_only)
            buffer_format(&text, "%s\n", record_reader_digest(reader));
        else
            record_describe_stream(reader, &text);
        record_reader_close(reader);
        print_text(invocation, &text);
    }
}

/* ---- count, same ---- */

static void run_count(struct invocation *invocation) {
    struct error error = {0};
    uint64_t sum = 0;
    for (size_t i = 0; i < stream_count(invocation); i++) {
        const char *path = stream_path(invocation, i);
        uint64_t count;
        if (!record_count_any(path, &count, &error))
            tool_fail(invocation, &error);
        sum += count;
    }
    struct buffer text = {0};
    buffer_format(&text, "%llu\n", (unsigned long long)sum);
    print_text(invocation, &text);
}

/* The digest of a whole stream. */
static bool digest_of(const char *path, char digest[40], struct error *error) {
    struct record_reader *reader = record_read_through(path, false, error);
    if (reader != NULL)
        snprintf(digest, 40, "%s", record_reader_digest(reader));
    record_reader_close(reader);
    return reader != NULL;
}

static void run_same(struct invocation *invocation) {
    const struct operands *operands = &invocation->operands;
    struct error error = {0};
    char first[40], second[40];
    if (operands->count != 2)
        tool_misused(invocation, "two streams would be right, not %zu", operands->count);
    if (!digest_of(operands->items[0], first, &error) ||
        !digest_of(operands->items[1], second, &error))
        tool_fail(invocation, &error);
    if (strcmp(first, second) != 0) {
        tool_say(invocation, "%s and %s hold different records", operands->items[0],
                 operands->items[1]);
        exit(1);
    }
}

/* ---- make, salvage ---- */

static struct provenance own_provenance(const struct invocation *invocation) {
    return (struct provenance){
        .tool = text_of(invocation->tool->name),
        .version = text_of(LOCKPICK_VERSION),
        .arguments = {(const char *)invocation->arguments.data, invocation->arguments.size},
    };
}

static void run_make(struct invocation *invocation) {
    struct error error = {0};
    struct provenance provenance = own_provenance(invocation);
    struct json_lines *making = json_lines_open(&settings, &provenance, invocation->quiet, &error);
    bool fine = making != NULL;
    for (size_t i = 0; fine && i < stream_count(invocation); i++)
        fine = json_lines_add(making, stream_path(invocation, i), &error);
    if (making == NULL || !json_lines_close(making, &error))
        tool_fail(invocation, &error);
}

static void run_salvage(struct invocation *invocation) {
    struct error error = {0};
    struct salvage salvage;
    struct provenance provenance = own_provenance(invocation);
    if (invocation->operands.count != 1)
        tool_misused(invocation, "one file would be right, not %zu", invocation->operands.count);
    struct record_writer *writer = record_writer_open(settings.output, &provenance, 0, &error);
    if (writer == NULL)
        tool_fail(invocation, &error);
    if (!record_salvage(invocation->operands.items[0], writer, &salvage, &error)) {
        record_writer_abandon(writer);
        tool_fail(invocation, &error);
    }
    if (!record_writer_close(writer, &error))
        tool_fail(invocation, &error);
    tool_say(invocation,
             "%llu records saved; %llu frames damaged or cut off, %llu bytes in no "
             "whole frame",
             (unsigned long long)salvage.records, (unsigned long long)salvage.frames,
             (unsigned long long)salvage.bytes);
}

/* ---- gather ---- */

/* All shards at once, and which of them the next record comes from. */
struct gathering {
    struct record_reader **readers; /* [count] */
    size_t count;
    struct record_writer *writer;
};

static bool open_gathering(struct gathering *gathering, const struct invocation *invocation,
                           struct error *error) {
    struct provenance provenance = own_provenance(invocation);
    bool fine = true;
    gathering->readers = allocate(stream_count(invocation), sizeof *gathering->readers);
    for (; fine && gathering->count < stream_count(invocation); gathering->count++) {
        const char *path = stream_path(invocation, gathering->count);
        gathering->readers[gathering->count] = record_reader_open(path, error);
        fine = gathering->readers[gathering->count] != NULL;
    }
    gathering->writer = fine ? record_writer_open(settings.output, &provenance, 0, error) : NULL;
    return gathering->writer != NULL;
}

/* The first shard that ends must be followed by ends alone, or else these are no shards. */
static bool check_ends(struct gathering *gathering, size_t first, struct error *error) {
    struct record record = {0};
    bool fine = true;
    for (size_t i = 1; fine && i < gathering->count; i++) {
        size_t place = (first + i) % gathering->count;
        enum read_result result = record_reader_next(gathering->readers[place], &record, error);
        if (result == READ_RECORD)
            error_set(error,
                      "%s has more records than %s leaves for it; all shards of one stream, in "
                      "their order, would be right",
                      record_reader_name(gathering->readers[place]),
                      record_reader_name(gathering->readers[first]));
        fine = result == READ_END;
    }
    record_free(&record);
    for (size_t i = 0; fine && i < gathering->count; i++)
        record_writer_add_source(gathering->writer, "input",
                                 record_reader_digest(gathering->readers[i]));
    return fine;
}

static bool gather_all(struct gathering *gathering, struct error *error) {
    struct record record = {0};
    enum read_result result = READ_RECORD;
    size_t place = 0;
    while (result == READ_RECORD) {
        result = record_reader_next(gathering->readers[place], &record, error);
        if (result != READ_RECORD)
            break;
        if (!record_writer_add(gathering->writer, &record, error))
            result = READ_FAILED;
        if (stop_requested() && !error_set(error, "stopped by a signal"))
            result = READ_FAILED;
        place = (place + 1) % gathering->count;
    }
    record_free(&record);
    return result == READ_END && check_ends(gathering, place, error);
}

static void run_gather(struct invocation *invocation) {
    struct error error = {0};
    struct gathering gathering = {0};
    bool fine = open_gathering(&gathering, invocation, &error) && gather_all(&gathering, &error);
    if (fine)
        fine = record_writer_close(gathering.writer, &error);
    else
        record_writer_abandon(gathering.writer);
    for (size_t i = 0; i < gathering.count; i++)
        record_reader_close(gathering.readers[i]);
    free(gathering.readers);
    if (!fine)
        tool_fail(invocation, &error);
}

/* ---- the verbs ---- */

static const struct option_entry no_options[] = {{OPTION_END}};
static const struct option_entry output_options[] = {OUTPUT_OPTION(settings), {OPTION_END}};
static const struct option_entry make_options[] = {FILTER_OPTIONS(settings), {OPTION_END}};

static const struct option_entry show_options[] = {
    {.kind = OPTION_TEXT,
     .letter = 'F',
     .name = "fields",
     .argument = "A,B",
     .target = &field_list,
     .help = "only these fields, in this order"},
    OUTPUT_OPTION(settings),
    {OPTION_END},
};

static const struct option_entry unique_options[] = {
    {.kind = OPTION_TEXT,
     .letter = 'F',
     .name = "fields",
     .argument = "A,B",
     .target = &field_list,
     .help = "compare these fields alone"},
    OUTPUT_OPTION(settings),
    {OPTION_END},
};

static const struct option_entry head_options[] = {
    {.kind = OPTION_INTEGER,
     .letter = 'n',
     .name = "records",
     .argument = "N",
     .target = &head_limit,
     .maximum = 9e18,
     .help = "how many (10)"},
    OUTPUT_OPTION(settings),
    {OPTION_END},
};

static const struct option_entry shuffle_options[] = {
    {.kind = OPTION_SEED,
     .letter = 's',
     .name = "seed",
     .argument = "N",
     .target = &seed,
     .help = "draw the order from this seed (0)"},
    {.kind = OPTION_INTEGER,
     .letter = 'r',
     .name = "round",
     .argument = "N",
     .target = &shuffle_round,
     .maximum = 9e18,
     .help = "and this round (0)"},
    OUTPUT_OPTION(settings),
    {OPTION_END},
};

static const struct option_entry shard_options[] = {
    {.kind = OPTION_INTEGER,
     .name = "shards",
     .argument = "N",
     .target = &shard_count,
     .minimum = 1,
     .maximum = 1e9,
     .help = "into how many shards the stream is dealt"},
    {.kind = OPTION_INTEGER,
     .name = "index",
     .argument = "I",
     .target = &shard_index,
     .maximum = 1e9,
     .help = "which of them to write, from 0 (0)"},
    OUTPUT_OPTION(settings),
    {OPTION_END},
};

static const struct option_entry info_options[] = {
    {.kind = OPTION_FLAG,
     .name = "digest",
     .target = &digest_only,
     .help = "print the digest of the records alone"},
    {OPTION_END},
};

struct verb {
    struct tool tool;
    void (*run)(struct invocation *invocation);
};

#define FILES "[options] [FILE ...]"
#define VALUE_NOTE                                                                                 \
    "VALUE is JSON where it parses as JSON (5, true, [1,2], \"5\"), and text otherwise."

static const struct verb verbs[] = {
    {{"records show", FILES, "Prints records as JSON, one object a line.", show_options}, run_show},
    {{"records make", FILES, "Makes records of JSON objects, one a line.", make_options,
      "Blank lines are passed over. With --rejects, a line that is no record is set aside\n"
      "as a record with the fields line and reject_reason."},
     run_make},
    {{"records check", FILES, "Reads streams to their ends and says whether each is whole.",
      no_options},
     run_check},
    {{"records salvage", "[options] FILE", "Saves the whole records of a damaged stream.",
      output_options},
     run_salvage},
    {{"records count", FILES, "Prints the number of records in all the streams.", no_options,
      "Of a regular file only the end marks are read, nothing is decompressed."},
     run_count},
    {{"records head", FILES, "Passes on the first records.", head_options}, run_head},
    {{"records select", "[options] FIELD=VALUE ... [FILE ...]",
      "Passes on the records for which all conditions hold.", output_options,
      "FIELD=VALUE holds where the field is that value, FIELD!=VALUE everywhere "
      "else.\n" VALUE_NOTE},
     run_select},
    {{"records set", "[options] FIELD=VALUE ... [FILE ...]", "Sets fields in every record.",
      output_options, VALUE_NOTE},
     run_set},
    {{"records rename", "[options] OLD=NEW ... [FILE ...]", "Renames fields.", output_options,
      "A field NEW that is there already is replaced; a record without OLD stays as it is."},
     run_rename},
    {{"records unique", FILES, "Drops records that came before.", unique_options}, run_unique},
    {{"records shuffle", FILES, "Puts the records into a random order, held in memory.",
      shuffle_options},
     run_shuffle},
    {{"records shard", FILES, "Passes on every N-th record, beginning with record I.",
      shard_options},
     run_shard},
    {{"records gather", FILES, "Puts the shards of a stream together again, in its order.",
      output_options},
     run_gather},
    {{"records cat", FILES, "Joins streams to one of a single segment.", output_options}, run_cat},
    {{"records info", FILES, "Prints provenance, counts and digest as JSON, a line a stream.",
      info_options},
     run_info},
    {{"records same", "[options] A B",
      "Tells by the exit status whether two streams hold the same "
      "records: 0 if so, 1 if not.",
      no_options},
     run_same},
};

enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

/* Without a verb: --help and --version, or wrong usage. */
static void run_without_verb(int argc, char **argv) {
    struct invocation invocation;
    struct buffer notes = {0};
    buffer_append_text(&notes, "verbs:\n");
    for (size_t i = 0; i < VERB_COUNT; i++)
        buffer_format(&notes, "  %-9s %s\n", verbs[i].tool.name + strlen("records "),
                      verbs[i].tool.summary);
    buffer_append_text(&notes, "\n'records VERB --help' lists the options of a verb.");
    buffer_append(&notes, "", 1);
    struct tool tool = {
        .name = "records",
        .usage = "VERB [options] [FILE ...]",
        .summary = "Looks at record streams, makes them, checks them, cuts and joins them.",
        .options = no_options,
        .notes = (const char *)notes.data,
    };
    tool_start(&invocation, &tool, argc, argv);
    if (invocation.operands.count > 0)
        tool_misused(&invocation, "there is no verb '%s'", invocation.operands.items[0]);
    tool_misused(&invocation, "no verb; 'records show FILE' prints records");
}

int main(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < VERB_COUNT; i++)
        if (strcmp(argv[1], verbs[i].tool.name + strlen("records ")) == 0) {
            struct invocation invocation;
            tool_start(&invocation, &verbs[i].tool, argc - 1, argv + 1);
            verbs[i].run(&invocation);
            tool_end(&invocation);
            return 0;
        }
    run_without_verb(argc, argv);
}
