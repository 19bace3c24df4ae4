/*
 * grade-exact: whether each completion is, word for word, what it should be: the record's own
 * reference, or the completion that another stream has for the problem.
 */
#include "base/tool.h"
#include "grade/exact.h"
#include "record/filter.h"
#include "task/completions.h"

static const char *field = "reference";
static const char *against_path;
static struct filter_settings settings = FILTER_DEFAULTS;

static const struct option_entry options[] = {
    {.kind = OPTION_TEXT,
     .letter = 'f',
     .name = "field",
     .argument = "NAME",
     .target = &field,
     .help = "the field that holds what is right (reference)"},
    {.kind = OPTION_FILE,
     .letter = 'a',
     .name = "against",
     .argument = "FILE",
     .target = &against_path,
     .help = "compare with the completions of this stream instead, joined by id and sample"},
    FILTER_OPTIONS(settings),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "grade-exact",
    .usage = "[options] [FILE ...]",
    .summary = "Grades completions by exact match of every word.",
    .options = options,
};

static bool is_blank(struct text text) {
    struct exact_grade grade;

    exact_compare(text, (struct text){"", 0}, &grade);
    return grade.words == 0;
}

static bool right_answer(const struct record *record, struct text *right, struct error *error) {
    if (!record_text(record, field, right, error))
        return false;
    return !is_blank(*right) ||
           error_set(error, "field '%s' is blank: nothing to compare with", field);
}

/* The other stream's completion for this problem and sample. */
static bool other_completion(const struct completions *against, const struct record *record,
                             struct record *found, struct text *right, struct error *error) {
    struct text id;
    int64_t sample = 0;
    size_t number;

    if (!record_text(record, "id", &id, error) ||
        (record_find(record, "sample") != NULL &&
         !record_integer(record, "sample", &sample, error)))
        return false;
    if (!completions_find(against, id, &number))
        return error_set(error, "%s has no completion for this id", completions_name(against));
    return completions_get(against, number, sample, found, error) &&
           record_text(found, "completion", right, error);
}

/* What completions are compared with, where not with the record's own reference. */
struct comparison {
    const struct completions *against;
    struct record found; /* scratch */
};

static bool grade(void *context, struct record *record, struct error *error) {
    struct comparison *comparison = context;
    struct exact_grade result;
    struct text completion = {0}, right = {0};

    if (!record_text(record, "completion", &completion, error) ||
        !(comparison->against != NULL
              ? other_completion(comparison->against, record, &comparison->found, &right, error)
              : right_answer(record, &right, error)))
        return false;
    exact_compare(completion, right, &result);
    record_begin_group(record, GROUP_GRADED);
    record_set_boolean(record, "correct", result.correct);
    record_set_real(record, "score", result.score);
    record_set_text(record, "verdict", text_of(result.verdict));
    return true;
}

static bool grade_stream(const struct invocation *invocation, const struct completions *against,
                         struct error *error) {
    struct filter *filter = filter_open(invocation, &settings, 0, NULL, error);
    struct comparison comparison = {.against = against};

    if (filter == NULL)
        return false;
    if (against != NULL)
        filter_add_source(filter, "against", completions_digest(against, 0));
    bool fine = filter_each(filter, grade, &comparison, error);
    record_free(&comparison.found);
    return fine;
}

int main(int argc, char **argv) {
    static const char *const nothing_more[] = {NULL};
    struct invocation invocation;
    struct completions *against = NULL;
    struct error error = {0};
    bool fine;

    tool_start(&invocation, &tool, argc, argv);
    if (against_path != NULL)
        against = completions_read(against_path, nothing_more, &error);
    fine = (against_path == NULL || against != NULL) && grade_stream(&invocation, against, &error);
    completions_free(against);
    if (!fine)
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
