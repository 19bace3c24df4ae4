/*
 * grade-judge: a rating from 1 to 5 out of the probabilities that a judge model gave the digits
 * (`ask --rating`, `sample --rate`).
 */
#include "base/tool.h"
#include "grade/rating.h"
#include "record/filter.h"

static double threshold;
static double least_mass = 0.1;
static struct filter_settings settings = FILTER_DEFAULTS;

static const struct option_entry options[] = {
    {.kind = OPTION_REAL,
     .letter = 't',
     .name = "threshold",
     .argument = "X",
     .target = &threshold,
     .help = "add 'correct': whether the rating is X or more (default: only the score)",
     .minimum = RATING_LEAST,
     .maximum = RATING_MOST},
    {.kind = OPTION_REAL,
     .name = "least-mass",
     .argument = "P",
     .target = &least_mass,
     .help = "a record whose judge gives the digits 1 to 5 less than P is bad (default 0.1)",
     .maximum = 1},
    FILTER_OPTIONS(settings),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "grade-judge",
    .usage = "[options] [FILE ...]",
    .summary = "Grades completions by a judge model's probabilities for the digits 1 to 5.",
    .options = options,
};

static bool grade(void *unused, struct record *record, struct error *error) {
    const struct value *logprobs = record_find(record, "rating_logprobs");
    struct rating rating;

    (void)unused;
    if (logprobs == NULL)
        return error_set(
            error, "field 'rating_logprobs' is missing; ask --rating or sample --rate adds it");
    if (!rating_from_logprobs(*logprobs, least_mass, &rating, error))
        return error_place(error, "field 'rating_logprobs'");
    record_begin_group(record, GROUP_GRADED);
    if (threshold > 0)
        record_set_boolean(record, "correct", rating.mean >= threshold);
    record_set_real(record, "score", rating.score);
    record_set_real(record, "rating", rating.mean);
    record_set_integer(record, "found", rating.likeliest);
    return true;
}

static bool grade_stream(const struct invocation *invocation, struct error *error) {
    struct filter *filter = filter_open(invocation, &settings, 0, NULL, error);
    return filter != NULL && filter_each(filter, grade, NULL, error);
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};

    tool_start(&invocation, &tool, argc, argv);
    if (!grade_stream(&invocation, &error))
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
