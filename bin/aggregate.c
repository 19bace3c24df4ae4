/*
 * aggregate: graded records to results. Records are averaged by group and seed into result rows,
 * which may be combined over a field, compared problem by problem, and measured against a floor and
 * a ceiling; or, with --recovered, rows are reduced to where their curves recover a share of the
 * gap; or, with --show, rows are only shown. They leave as records or as a table.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "record/filter.h"
#include "result/aggregation.h"

enum row_format { ROWS_RECORDS, ROWS_TEXT, ROWS_TSV, ROWS_MARKDOWN, ROWS_UNSET = -1 };

static struct filter_settings settings = FILTER_DEFAULTS;
static int format = ROWS_UNSET;
static bool show;
static struct aggregation_settings work = {
    .tally = {.seed = "seed"},
    .bootstrap = {.resamples = 2000},
};
static struct over_settings over;
static struct compare_settings compare = {.margin = NAN, .bootstrap = {.level = 0.95}};
static struct levels_settings levels;
static struct recovery_settings recovery = {.share = -1, .x = "k", .subset = "locked"};
static struct fields alike; /* what rows to combine or to compare have in common */

/* Lists, as they are given. */
static const char *by, *choose, *within, *compared, *per, *each, *subsets;
static const char *floor_rows = LEVELS_FLOOR, *ceiling_rows = LEVELS_CEILING;
static const char *method = "sft", *baseline = "scratch";
static struct text_list where;
static bool gap;
static int64_t resamples = 2000;

static const struct option_entry options[] = {
    {OPTION_TEXT, 'b', "by", "FIELD,...", &by,
     "group by these fields; each combination that occurs is a row"},
    {OPTION_TEXT, 0, "seed-field", "FIELD", &work.tally.seed,
     "what tells seeds apart (default seed); the mean is over seeds"},
    {OPTION_TEXT, 'c', "choose", "FIELD,...", &choose,
     "in each group keep the values of these fields with the best mean over all records"},
    {OPTION_TEXT, 0, "choose-within", "FIELD,...", &within,
     "choose once for all groups that have these fields of --by in common"},
    {OPTION_TEXT, 0, "subset", "NAME,...", &subsets,
     "rows over all records, over the locked ones, or all,locked (default all)"},
    {OPTION_FLAG, 0, "score", NULL, &work.tally.score, "average the field score, not correct"},
    {OPTION_TEXT, 0, "over", "FIELD", &over.field,
     "combine the rows that differ in this field of --by alone: the mean over its values"},
    {OPTION_TEXT, 0, "except", "FIELD", &over.except,
     "with --over: leave out the value that this field has too"},
    {OPTION_REAL, 'i', "interval", "X", &work.bootstrap.level,
     "add the bootstrap interval over problems that holds this share: 0.95", .minimum = 0.001,
     .maximum = 0.999},
    {OPTION_INTEGER, 0, "resamples", "N", &resamples, "of the bootstrap (2000)", .minimum = 1,
     .maximum = 1e6},
    {OPTION_SEED, 's', "seed", "N", &work.bootstrap.seed, "draw resamples from this seed (0)"},
    {OPTION_TEXT, 0, "compare", "FIELD=A,B", &compared,
     "compare two values of a field on the problems that both answered"},
    {OPTION_REAL, 0, "margin", "X", &compare.margin,
     "with --compare: say whether the interval lies within this of zero", .minimum = 1e-9,
     .maximum = 1e9},
    {OPTION_FLAG, 'g', "gap", NULL, &gap,
     "add the share of the gap between floor and ceiling that each row recovers"},
    {OPTION_TEXT, 0, "per", "FIELD,...", &per,
     "each combination of these has a floor and a ceiling of its own (default model)"},
    {OPTION_TEXT, 0, "floor", "FIELD=VALUE,...", &floor_rows,
     "which rows are floors (default " LEVELS_FLOOR ")"},
    {OPTION_TEXT, 0, "ceiling", "FIELD=VALUE,...", &ceiling_rows,
     "which rows are ceilings (default " LEVELS_CEILING ")"},
    {OPTION_REAL, 0, "recovered", "SHARE", &recovery.share,
     "tell where the curves of rows recover this share of the gap; of graded records with "
     "--interval",
     .maximum = 1},
    {OPTION_TEXT, 'x', "x", "FIELD", &recovery.x,
     "with --recovered: what a curve runs along (default k)"},
    {OPTION_TEXT, 0, "each", "FIELD,...", &each,
     "with --recovered: a curve for each of these besides --per"},
    {OPTION_TEXTS, 'w', "where", "FIELD=VALUE", &where,
     "with --recovered: the rows that are points (default password=none)"},
    {OPTION_TEXT, 0, "method", "METHOD", &method,
     "with --recovered: the method whose curve is looked at (default sft)"},
    {OPTION_TEXT, 0, "on", "SUBSET", &recovery.subset,
     "with --recovered: the rows of this subset (default locked)"},
    {OPTION_TEXT, 0, "baseline", "[FIELD=]VALUE", &baseline,
     "with --recovered: the model, or value of FIELD, that others are compared with (default "
     "scratch)"},
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

/* ---- reading the options ---- */

static void read_fields(const struct invocation *invocation, const char *option, const char *list,
                        struct fields *fields) {
    struct error error = {0};
    if (!fields_parse(fields, list ? list : "", &error))
        tool_misused(invocation, "--%s: %s", option, error.text);
}

static void read_conditions(const struct invocation *invocation, const char *option,
                            const char *list, struct conditions *conditions) {
    struct error error = {0};
    if (!conditions_parse(conditions, list, &error))
        tool_misused(invocation, "--%s: %s", option, error.text);
}

static void read_subsets(const struct invocation *invocation) {
    struct fields names = {0};
    read_fields(invocation, "subset", subsets ? subsets : "all", &names);
    for (size_t i = 0; i < names.count; i++) {
        const bool all = strcmp(names.items[i], "all") == 0;
        if (!all && strcmp(names.items[i], "locked") != 0)
            tool_misused(invocation, "--subset: '%s' is no subset; all or locked would be right",
                         names.items[i]);
        work.tally.subsets[all ? TALLY_ALL : TALLY_LOCKED] = true;
    }
    if (names.count == 0)
        tool_misused(invocation, "--subset: '' names no subset; all or locked would be right");
    fields_free(&names);
}

static void check_names(const struct invocation *invocation) {
    static const char *const taken[] = {"subset", "correctness", "score", "sem",  "seeds", "n",
                                        "low",    "high",        "gap",   "over", "values"};
    const struct tally_settings *tally = &work.tally;
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (fields_contain(&tally->by, taken[i]) || fields_contain(&tally->choose, taken[i]))
            tool_misused(invocation, "'%s' cannot be grouped by: results have that field",
                         taken[i]);
    if (tally->by.count + tally->choose.count > 32)
        tool_misused(invocation, "--by: %zu fields; up to 32 can be grouped by", tally->by.count);
    for (size_t i = 0; i < tally->choose.count; i++)
        if (fields_contain(&tally->by, tally->choose.items[i]))
            tool_misused(invocation, "--choose: '%s' is grouped by; another field would be right",
                         tally->choose.items[i]);
    for (size_t i = 0; i < tally->within.count; i++)
        if (!fields_contain(&tally->by, tally->within.items[i]))
            tool_misused(invocation,
                         "--choose-within: '%s' is not grouped by; fields of --by "
                         "would be right",
                         tally->within.items[i]);
    if (tally->seed[0] == '\0' || fields_contain(&tally->by, tally->seed) ||
        fields_contain(&tally->choose, tally->seed))
        tool_misused(invocation, "--seed-field: '%s'; a field of its own would be right",
                     tally->seed);
    if (within && !choose)
        tool_misused(invocation, "--choose-within needs --choose");
}

static void read_levels(const struct invocation *invocation) {
    read_fields(invocation, "per", per ? per : "model", &levels.per);
    read_conditions(invocation, "floor", floor_rows, &levels.floor);
    read_conditions(invocation, "ceiling", ceiling_rows, &levels.ceiling);
}

static bool are_conditions_on(const struct conditions *conditions, const char *field) {
    for (size_t i = 0; i < conditions->count; i++)
        if (strcmp(conditions->items[i].field, field) == 0)
            return true;
    return false;
}

static void read_recovery(const struct invocation *invocation) {
    const char *equals = strchr(baseline, '=');
    read_levels(invocation);
    read_fields(invocation, "each", each, &recovery.each);
    for (size_t i = 0; i < where.count; i++)
        read_conditions(invocation, "where", where.items[i], &recovery.where);
    if (!are_conditions_on(&recovery.where, "method") &&
        !fields_contain(&recovery.each, "method") && !fields_contain(&levels.per, "method")) {
        char *condition = format_text("method=%s", method);
        struct error never = {0};
        conditions_add(&recovery.where, condition, &never);
        free(condition);
    }
    if (where.count == 0)
        read_conditions(invocation, "where", "password=none", &recovery.where);
    recovery.baseline_field =
        equals ? format_text("%.*s", (int)(equals - baseline), baseline) : copy_text("model");
    recovery.baseline = equals ? equals + 1 : baseline;
    recovery.level = work.bootstrap.level;
    recovery.levels = levels;
    work.recovery = &recovery;
}

/* Graded records are grouped by all that curves are told apart by. */
static void group_for_recovery(const struct invocation *invocation) {
    struct fields *fields = &work.tally.by;
    const bool all = strcmp(recovery.subset, "all") == 0;
    if (!all && strcmp(recovery.subset, "locked") != 0)
        tool_misused(invocation, "--on: '%s' is no subset; all or locked would be right",
                     recovery.subset);
    work.tally.subsets[all ? TALLY_ALL : TALLY_LOCKED] = true;
    fields_join(fields, &levels.per);
    fields_join(fields, &recovery.each);
    fields_join_conditions(fields, &levels.floor);
    fields_join_conditions(fields, &levels.ceiling);
    fields_join_conditions(fields, &recovery.where);
    if (!fields_contain(fields, recovery.x))
        fields_put_last(fields, recovery.x);
}

/* Cuts FIELD=A,B in three. */
static bool cut_compared(char *text, char **first, char **second) {
    *first = strchr(text, '=');
    *second = *first ? strchr(*first, ',') : NULL;
    if (*second == NULL || *first == text || strchr(*second + 1, ','))
        return false;
    *(*first)++ = '\0';
    *(*second)++ = '\0';
    return true;
}

static void read_compared(const struct invocation *invocation) {
    char *text = copy_text(compared), *first, *second;
    compare.field = text;
    if (!cut_compared(text, &first, &second))
        tool_misused(invocation, "--compare: '%s'; FIELD=A,B would be right", compared);
    if (strcmp(first, second) == 0)
        tool_misused(invocation, "--compare: '%s' with itself; two values would be right", first);
    compare.first = first;
    compare.second = second;
    compare.bootstrap = work.bootstrap;
    if (compare.bootstrap.level == 0)
        compare.bootstrap.level = 0.95;
    compare.alike = &alike;
    work.compare = &compare;
}

/* Rows that are combined or compared lie side by side: that field is the last they are sorted by.
 */
static void read_tally(const struct invocation *invocation) {
    read_fields(invocation, "by", by, &work.tally.by);
    read_fields(invocation, "choose", choose, &work.tally.choose);
    read_fields(invocation, "choose-within", within, &work.tally.within);
    if (recovery.share >= 0) {
        group_for_recovery(invocation);
        check_names(invocation);
        return;
    }
    read_subsets(invocation);
    if (compared)
        read_compared(invocation);
    if (over.field && !fields_contain(&work.tally.by, over.field))
        tool_misused(invocation, "--over: '%s' is not grouped by; a field of --by would be right",
                     over.field);
    if (over.except && !fields_contain(&work.tally.by, over.except))
        tool_misused(invocation, "--except: '%s' is not grouped by; a field of --by would be right",
                     over.except);
    const char *last = compared ? compare.field : over.field;
    if (last) {
        fields_put_last(&work.tally.by, last);
        alike = fields_without(&work.tally.by, last);
        over.alike = &alike;
        over.chosen = &work.tally.choose;
    }
    check_names(invocation);
}

/* What goes with what. */
static void check_modes(const struct invocation *invocation) {
    const bool recovers = recovery.share >= 0, draws = work.bootstrap.level > 0;
    if (show + recovers + (compared != NULL) + (over.field != NULL) > 1)
        tool_misused(invocation, "--recovered, --show, --compare and --over are runs of their own");
    if (gap && (recovers || compared))
        tool_misused(invocation, "--gap adds to rows; without --recovered and --compare would be "
                                 "right");
    if (over.except && !over.field)
        tool_misused(invocation, "--except needs --over");
    if (!isnan(compare.margin) && !compared)
        tool_misused(invocation, "--margin needs --compare");
    if (recovers && (by || subsets))
        tool_misused(invocation, "--recovered groups by --per, --each, and --x by itself, on the "
                                 "subset of --on; without --by and --subset would be right");
    if ((show || (recovers && !draws)) && (by || choose || work.tally.score || subsets))
        tool_misused(invocation,
                     "--%s reads rows; --by, --choose, --subset and --score make them, in a run of "
                     "their own",
                     show ? "show" : "recovered");
    if (show && draws)
        tool_misused(invocation, "--interval needs graded records; --show reads rows");
}

static void prepare(const struct invocation *invocation) {
    check_modes(invocation);
    work.bootstrap.resamples = (size_t)resamples;
    work.reads_rows = show || (recovery.share >= 0 && work.bootstrap.level == 0);
    if (recovery.share >= 0)
        read_recovery(invocation);
    if (!work.reads_rows)
        read_tally(invocation);
    if (over.field)
        work.over = &over;
    if (gap) {
        read_levels(invocation);
        work.gap = &levels;
    }
    const bool person = show || (settings.output == NULL && isatty(STDOUT_FILENO));
    if (format == ROWS_UNSET)
        format = person ? ROWS_TEXT : ROWS_RECORDS;
}

static void free_settings(void) {
    fields_free(&work.tally.by);
    fields_free(&work.tally.choose);
    fields_free(&work.tally.within);
    fields_free(&alike);
    fields_free(&levels.per);
    fields_free(&recovery.each);
    conditions_free(&levels.floor);
    conditions_free(&levels.ceiling);
    conditions_free(&recovery.where);
    text_list_free(&where);
    free((char *)(uintptr_t)recovery.baseline_field);
    free((char *)(uintptr_t)compare.field);
}

/* ---- the work ---- */

static void say_notes(const struct invocation *invocation, const struct aggregation_notes *notes,
                      size_t rows) {
    if (notes->uneven > 0)
        tool_say(invocation,
                 "%zu of %zu rows: seeds differ in their numbers of records; n is the "
                 "smallest",
                 notes->uneven, rows);
    if (notes->unpaired > 0)
        tool_say(invocation, "%zu problems were answered by one side alone and do not count",
                 notes->unpaired);
    if (notes->left_out > 0)
        tool_say(invocation, "%zu rows with a text for '%s' are no points of a curve",
                 notes->left_out, recovery.x);
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

static bool finish(const struct invocation *invocation, struct aggregation *aggregation,
                   struct filter *filter, struct error *error) {
    struct aggregation_notes notes;
    struct rows rows = {0};
    bool fine = error->text[0] == '\0' && aggregation_rows(aggregation, &rows, &notes, error);
    if (fine)
        say_notes(invocation, &notes, rows.count);
    if (fine && format == ROWS_RECORDS)
        fine = write_records(filter, &rows, error);
    fine = filter_close(filter, error) && fine;
    if (fine && format != ROWS_RECORDS)
        fine = write_table(&rows, error);
    rows_free(&rows);
    return fine;
}

static bool run(const struct invocation *invocation, struct error *error) {
    /* A table does not leave as records: what the filter would write goes nowhere. */
    struct filter_settings reading = settings;
    if (format != ROWS_RECORDS)
        reading.output = "/dev/null";
    const bool draws = work.bootstrap.level > 0 || work.compare;
    struct filter *filter =
        filter_open(invocation, &reading, 0, draws ? &work.bootstrap.seed : NULL, error);
    if (filter == NULL)
        return false;
    struct record record = {0};
    struct aggregation *aggregation = aggregation_new(&work);
    while (filter_next(filter, &record, error))
        if (!aggregation_add(aggregation, &record, error) && !filter_reject(filter, &record, error))
            break;
    const bool fine = finish(invocation, aggregation, filter, error);
    aggregation_free(aggregation);
    record_free(&record);
    return fine;
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};
    tool_start(&invocation, &tool, argc, argv);
    prepare(&invocation);
    const bool fine = run(&invocation, &error);
    free_settings();
    if (!fine)
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
