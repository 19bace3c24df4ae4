/*
 * What every filter does besides its own work: read all inputs in turn, write one output, set bad
 * records aside, count, show progress, and note in the end mark what was read.
 *
 *     struct filter *filter = filter_open(&invocation, &settings, 0, NULL, &error);
 *     while (filter_next(filter, &record, &error))
 *         if (!work(&record, &error) ? !filter_reject(filter, &record, &error)
 *                                    : !filter_write(filter, &record, &error))
 *             break;
 *     filter_close(filter, &error) or tool_fail()
 *
 * filter_each() is this loop for a filter that works on one record at a time.
 */
#ifndef LOCKPICK_RECORD_FILTER_H
#define LOCKPICK_RECORD_FILTER_H

#include "base/tool.h"
#include "record/stream.h"

struct filter_settings {
    const char *output;  /* -o; NULL: standard output */
    const char *rejects; /* --rejects */
    int64_t max_rejects; /* --max-rejects; default: no bound */
};

/* Rows for a tool's option table; initialize the settings with FILTER_DEFAULTS. */
#define FILTER_DEFAULTS                                                                            \
    { .output = NULL, .rejects = NULL, .max_rejects = INT64_MAX }
#define OUTPUT_OPTION(settings)                                                                    \
    {                                                                                              \
        .kind = OPTION_FILE, .letter = 'o', .name = "output", .argument = "FILE",                  \
        .target = &(settings).output, .help = "write to FILE instead of standard output"           \
    }
#define REJECTS_OPTION(settings)                                                                   \
    {                                                                                              \
        .kind = OPTION_FILE, .name = "rejects", .argument = "FILE", .target = &(settings).rejects, \
        .help = "set bad records aside in FILE, with the reason, instead of stopping"              \
    }
#define MAX_REJECTS_OPTION(settings)                                                               \
    {                                                                                              \
        .kind = OPTION_INTEGER, .name = "max-rejects", .argument = "N",                            \
        .target = &(settings).max_rejects, .maximum = 9e18, .flags = OPTION_SILENT,                \
        .help = "with --rejects: fail when more than N records are bad"                            \
    }
#define FILTER_OPTIONS(settings)                                                                   \
    OUTPUT_OPTION(settings), REJECTS_OPTION(settings), MAX_REJECTS_OPTION(settings)

/*
 * For a tool that reads no input, or not as a filter does: its output alone, with the provenance
 * that filter_open() writes. NULL and an error where it cannot be opened; the caller ends it with
 * record_writer_close() or record_writer_abandon().
 */
struct record_writer *source_open(const struct invocation *invocation,
                                  const struct filter_settings *settings, const uint64_t *seed,
                                  struct error *error);

struct filter;

/*
 * Inputs are the invocation's operands from `first_operand` on; none: standard input. `seed` may be
 * NULL; it goes into provenance.
 */
struct filter *filter_open(const struct invocation *invocation,
                           const struct filter_settings *settings, size_t first_operand,
                           const uint64_t *seed, struct error *error);
/* The next input record; false at the end of all inputs, or on failure, which filter_close tells.
 */
bool filter_next(struct filter *filter, struct record *record, struct error *error);
bool filter_write(struct filter *filter, const struct record *record, struct error *error);
/*
 * The record is bad for the reason in `error`. With --rejects: writes it there with `reject_reason`
 * added, clears the error, returns true. Otherwise puts stream and record in front of the error and
 * returns false.
 */
bool filter_reject(struct filter *filter, const struct record *record, struct error *error);
/* A checkpoint or side stream that was read (32 hex digits), for the end mark. */
void filter_add_source(struct filter *filter, const char *role, const char *digest);
/* "stream: record N (id 'x')": where the last record came from, for errors found later. */
void filter_place(const struct filter *filter, const struct record *record, char text[512]);
/* What a filter does with one record; false with an error where the record is bad. */
typedef bool filter_work(void *context, struct record *record, struct error *error);
/* Works on every record in turn, writes it or rejects it, and ends with filter_close(). */
bool filter_each(struct filter *filter, filter_work *work, void *context, struct error *error);
struct record_writer *filter_writer(struct filter *filter);
/*
 * Ends it: false when reading, writing or a stop signal made it fail (`error` says so; an error
 * that is already set is kept), and then no output file appears. Frees the filter either way.
 */
bool filter_close(struct filter *filter, struct error *error);

#endif
