/*
 * select-best: graded completions to the best N of them, what expert iteration trains on.
 */
#include "record/filter.h"
#include "task/best.h"

static struct filter_settings settings = FILTER_DEFAULTS;
static struct best_settings selection;
static int64_t keep = -1;
static int by = GRADE_CORRECT;
static int64_t round_number;

static const struct option_entry options[] = {
    {OPTION_INTEGER, 'n', "records", "N", &keep, "how many to keep; all where there are fewer",
     .minimum = 0, .maximum = 1e9},
    {OPTION_CHOICE, 'b', "by", "FIELD", &by, "what is best: correct (default), or score",
     .choices = GRADE_CHOICES},
    {OPTION_FLAG, 'c', "only-correct", NULL, &selection.only_correct,
     "keep none but correct ones, fewer than N where there are fewer"},
    {OPTION_SEED, 's', "seed", "N", &selection.seed, "draw ties from this seed (0)"},
    {OPTION_INTEGER, 'r', "round", "N", &round_number, "and this round (0)", .maximum = 9e18},
    FILTER_OPTIONS(settings),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "select-best",
    .usage = "-n N [options] [FILE ...]",
    .summary = "Keeps the best of graded completions, in the order in which they came.",
    .options = options,
    .notes = "Among equal ones a draw from seed, round, id and sample decides.",
};

static void write_best(struct filter *filter, struct best *best, struct error *error) {
    const size_t count = best_finish(best);
    bool fine = true;
    for (size_t i = 0; fine && !stop_requested() && i < count; i++) {
        const struct value packed = best_at(best, i);
        fine = record_writer_add_packed(filter_writer(filter), packed.bytes, packed.size, error);
    }
}

static bool select_all(struct filter *filter, struct error *error) {
    struct record record = {0};
    struct best *best = best_new(&selection);
    while (filter_next(filter, &record, error))
        if (!best_add(best, &record, error) && !filter_reject(filter, &record, error))
            break;
    if (error->text[0] == '\0')
        write_best(filter, best, error);
    best_free(best);
    record_free(&record);
    return filter_close(filter, error);
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};
    tool_start(&invocation, &tool, argc, argv);
    if (keep < 0)
        tool_misused(&invocation, "-n N is missing; how many are to be kept?");
    selection.keep = (size_t)keep;
    selection.by = (enum grade_by)by;
    selection.round = (uint64_t)round_number;
    struct filter *filter = filter_open(&invocation, &settings, 0, &selection.seed, &error);
    if (filter == NULL || !select_all(filter, &error))
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
