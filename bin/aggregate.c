/*
 * aggregate: graded records to results. Records are averaged by group and seed into result rows;
 * or, with --recovered, result rows are reduced to the number of demonstrations that recovers a
 * share of each model's gap; or, with --show, rows are only shown. They leave as records or as a
 * table.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "record/filter.h"
#include "result/fields.h"
#include "result/recovery.h"
#include "result/tally.h"

enum row_format { ROWS_RECORDS, ROWS_TEXT, ROWS_TSV, ROWS_MARKDOWN, ROWS_UNSET = -1 };

static struct filter_settings settings = FILTER_DEFAULTS;
static const char *by_list = "";
static const char *seed_field = "seed";
static const char *choose_field;
static const char *subset_list = "all";
static bool score;
static double share = -1;
static const char *on_subset = "locked";
static const char *method = "sft";
static const char *baseline = "scratch";
static bool show;
static int format = ROWS_UNSET;

static const struct option_entry options[] = {
    {OPTION_TEXT, 'b', "by", "FIELD,...", &by_list,
     "group by these fields; each combination that occurs is a row"},
    {OPTION_TEXT, 0, "seed-field", "FIELD", &seed_field,
     "what tells seeds apart (default seed); the mean is over seeds"},
    {OPTION_TEXT, 'c', "choose", "FIELD", &choose_field,
     "in each group keep the value of FIELD with the best mean over all records"},
    {OPTION_TEXT, 0, "subset", "NAME,...", &subset_list,
     "rows over all records, over the locked ones, or all,locked (default all)"},
    {OPTION_FLAG, 0, "score", NULL, &score, "average the field score, not correct"},
    {OPTION_REAL, 0, "recovered", "SHARE", &share,
     "read result rows; tell the k at which SHARE of each model's gap is recovered", .maximum = 1},
    {OPTION_TEXT, 0, "on", "SUBSET", &on_subset,
     "with --recovered: the rows of this subset (default locked)"},
    {OPTION_TEXT, 0, "method", "METHOD", &method,
     "with --recovered: the method whose curve is looked at (default sft)"},
    {OPTION_TEXT, 0, "baseline", "MODEL", &baseline,
     "with --recovered: the model the others are compared with (default scratch)"},
    {OPTION_FLAG, 0, "show", NULL, &show,
     "read rows and show them as they are, as text unless --format says more"},
    {OPTION_CHOICE, 0, "format", "FORMAT", &format,
     "how rows are written (default records; text on a terminal)",
     .choices = "records|text|tsv|markdown", .flags = OPTION_SILENT},
    FILTER_OPTIONS(settings),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "aggregate",
    .usage = "[options] [GRADED.rec ...]\n--recovered SHARE [options] [RESULTS.rec ...]\n--show "
             "[options] [RESULTS.rec ...]",
    .summary = "Averages graded records into results by group, with standard errors over seeds.",
    .options = options,
};

/* What this run makes rows from: one of the first two, or, to show them, the rows themselves. */
struct work {
    struct tally *tally;
    struct recovery *recovery;
    struct rows rows;
    struct tally_settings tally_settings;
    struct recovery_settings recovery_settings;
    struct fields by;
};

static void read_subsets(const struct invocation *invocation, bool subsets[2]) {
    struct fields names;
    struct error error = {0};
    if (!fields_parse(&names, subset_list, &error))
        tool_misused(invocation, "--subset: %s", error.text);
    for (size_t i = 0; i < names.count; i++) {
        const bool all = strcmp(names.items[i], "all") == 0;
        if (!all && strcmp(names.items[i], "locked") != 0)
            tool_misused(invocation, "--subset: '%s' is no subset; all or locked would be right",
                         names.items[i]);
        subsets[all ? TALLY_ALL : TALLY_LOCKED] = true;
    }
    if (names.count == 0)
        tool_misused(invocation, "--subset: '' names no subset; all or locked would be right");
    fields_free(&names);
}

static void check_names(const struct invocation *invocation, const struct fields *by) {
    static const char *const taken[] = {"subset", "correctness", "score", "sem", "seeds", "n"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (fields_contain(by, taken[i]) || (choose_field && strcmp(choose_field, taken[i]) == 0))
            tool_misused(invocation, "'%s' cannot be grouped by: results have that field",
                         taken[i]);
    if (by->count > 32)
        tool_misused(invocation, "--by: %zu fields; up to 32 can be grouped by", by->count);
    if (fields_contain(by, seed_field) || (choose_field && fields_contain(by, choose_field)) ||
        (choose_field && strcmp(choose_field, seed_field) == 0))
        tool_misused(invocation, "the fields of --by, --choose and --seed-field must differ");
    if (seed_field[0] == '\0' || (choose_field && choose_field[0] == '\0'))
        tool_misused(invocation, "--seed-field and --choose need the name of a field");
}

static void prepare_tally(const struct invocation *invocation, struct work *work) {
    struct error error = {0};
    if (!fields_parse(&work->by, by_list, &error))
        tool_misused(invocation, "--by: %s", error.text);
    check_names(invocation, &work->by);
    work->tally_settings = (struct tally_settings){
        .by = work->by.items,
        .by_count = work->by.count,
        .choose = choose_field,
        .seed = seed_field,
        .score = score,
    };
    read_subsets(invocation, work->tally_settings.subsets);
    work->tally = tally_new(&work->tally_settings);
}

/* Options that only make rows of graded records. */
static void refuse_tally_options(const struct invocation *invocation, const char *mode) {
    if (by_list[0] || choose_field || score || strcmp(subset_list, "all") != 0)
        tool_misused(invocation,
                     "--%s reads rows; --by, --choose, --subset and --score make them, in a run of "
                     "their own",
                     mode);
}

static void prepare(const struct invocation *invocation, struct work *work) {
    if (share >= 0 && show)
        tool_misused(invocation, "--recovered and --show are two runs");
    if (share >= 0) {
        refuse_tally_options(invocation, "recovered");
        work->recovery_settings = (struct recovery_settings){share, method, on_subset, baseline};
        work->recovery = recovery_new(&work->recovery_settings);
    } else if (show) {
        refuse_tally_options(invocation, "show");
    } else {
        prepare_tally(invocation, work);
    }
    const bool person = show || (settings.output == NULL && isatty(STDOUT_FILENO));
    if (format == ROWS_UNSET)
        format = person ? ROWS_TEXT : ROWS_RECORDS;
}

static bool take(struct work *work, const struct record *record, struct error *error) {
    if (work->recovery)
        return recovery_add(work->recovery, record, error);
    if (work->tally)
        return tally_add(work->tally, record, error);
    return rows_add_copy(&work->rows, record, error);
}

static bool make_rows(const struct invocation *invocation, struct work *work, struct error *error) {
    size_t uneven = 0;
    if (work->recovery)
        return recovery_rows(work->recovery, &work->rows, error);
    if (work->tally && !tally_rows(work->tally, &work->rows, &uneven, error))
        return false;
    if (uneven > 0)
        tool_say(invocation,
                 "%zu of %zu rows: seeds differ in their numbers of records; n is the "
                 "smallest",
                 uneven, work->rows.count);
    return true;
}

static bool write_table(const struct rows *rows, struct error *error) {
    const enum table_format look = format == ROWS_TSV        ? TABLE_TSV
                                   : format == ROWS_MARKDOWN ? TABLE_MARKDOWN
                                                             : TABLE_TEXT;
    struct buffer text = {0};
    struct output_file file;
    bool fine = rows_write(rows, look, &text, error);
    if (fine && (fine = output_open(&file, settings.output, error))) {
        fine = output_write(&file, text.data, text.size, error);
        if (fine)
            fine = output_commit(&file, error);
        else
            output_abandon(&file);
    }
    buffer_free(&text);
    return fine;
}

static bool write_records(struct filter *filter, const struct rows *rows, struct error *error) {
    for (size_t i = 0; i < rows->count; i++)
        if (!filter_write(filter, &rows->items[i], error))
            return false;
    return true;
}

static bool run(const struct invocation *invocation, struct work *work, struct error *error) {
    /* A table does not leave as records: what the filter would write goes nowhere. */
    struct filter_settings reading = settings;
    if (format != ROWS_RECORDS)
        reading.output = "/dev/null";
    struct filter *filter = filter_open(invocation, &reading, 0, NULL, error);
    if (filter == NULL)
        return false;
    struct record record = {0};
    while (filter_next(filter, &record, error))
        if (!take(work, &record, error) && !filter_reject(filter, &record, error))
            break;
    bool fine = error->text[0] == '\0' && make_rows(invocation, work, error);
    if (fine && format == ROWS_RECORDS)
        fine = write_records(filter, &work->rows, error);
    fine = filter_close(filter, error) && fine;
    if (fine && format != ROWS_RECORDS)
        fine = write_table(&work->rows, error);
    record_free(&record);
    return fine;
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct work work = {0};
    struct error error = {0};
    tool_start(&invocation, &tool, argc, argv);
    prepare(&invocation, &work);
    const bool fine = run(&invocation, &work, &error);
    tally_free(work.tally);
    recovery_free(work.recovery);
    rows_free(&work.rows);
    fields_free(&work.by);
    if (!fine)
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
