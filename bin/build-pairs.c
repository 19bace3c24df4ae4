/*
 * build-pairs: graded completions of the same problems to preference pairs, what DPO trains on.
 */
#include "record/filter.h"
#include "task/pairs.h"

static struct filter_settings settings = FILTER_DEFAULTS;
static struct pairs_settings pairing;
static int by = GRADE_CORRECT;

static const struct option_entry options[] = {
    {OPTION_CHOICE, 'b', "by", "FIELD", &by, "what makes one better: correct (default), or score",
     .choices = GRADE_CHOICES},
    {OPTION_FLAG, 'w', "weighted", NULL, &pairing.weighted,
     "weigh each pair by how much better the chosen one is"},
    {OPTION_FLAG, 0, "reference-logprobs", NULL, &pairing.logprobs,
     "the completions' logprob is the reference model's, by sample --score: keep it with the "
     "pairs"},
    FILTER_OPTIONS(settings),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "build-pairs",
    .usage = "[options] [FILE ...]",
    .summary = "Pairs better with worse completions of the same problem and round.",
    .options = options,
};

/* How many were written. */
static size_t write_pairs(struct filter *filter, struct pairs *pairs, struct error *error) {
    struct record record = {0};
    size_t count = 0;
    pairs_finish(pairs);
    while (!stop_requested() && pairs_next(pairs, &record, error) &&
           filter_write(filter, &record, error))
        count++;
    record_free(&record);
    return count;
}

static bool pair_all(const struct invocation *invocation, struct filter *filter,
                     struct error *error) {
    struct record record = {0};
    struct pairs *pairs = pairs_new(&pairing);
    size_t count = 0;
    while (filter_next(filter, &record, error))
        if (!pairs_add(pairs, &record, error) && !filter_reject(filter, &record, error))
            break;
    if (error->text[0] == '\0')
        count = write_pairs(filter, pairs, error);
    const bool fine = filter_close(filter, error);
    if (fine)
        tool_say(invocation, "%zu pairs of %zu problems", count, pairs_problems(pairs));
    pairs_free(pairs);
    record_free(&record);
    return fine;
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};
    tool_start(&invocation, &tool, argc, argv);
    pairing.by = (enum grade_by)by;
    struct filter *filter = filter_open(&invocation, &settings, 0, NULL, &error);
    if (filter == NULL || !pair_all(&invocation, filter, &error))
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
