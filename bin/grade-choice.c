/*
 * grade-choice: whether the choice with the highest next-token logit is the right one.
 */
#include "base/tool.h"
#include "grade/choice.h"
#include "record/filter.h"

static struct filter_settings settings = FILTER_DEFAULTS;

static const struct option_entry options[] = {
    FILTER_OPTIONS(settings),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "grade-choice",
    .usage = "[options] [FILE ...]",
    .summary = "Grades answers to multiple choice by the likeliest of the choices.",
    .options = options,
};

static bool grade(void *scratch, struct record *record, struct error *error) {
    struct buffer *found = scratch;
    struct choice_grade result;

    if (!choice_compare(record, &result, error))
        return false;
    found->size = 0; /* what was found may lie in a field that goes */
    buffer_append(found, result.found.bytes, result.found.size);
    record_begin_group(record, GROUP_GRADED);
    record_set_boolean(record, "correct", result.correct);
    record_set_real(record, "score", result.score);
    record_set_text(record, "verdict", text_of(result.verdict));
    if (found->size > 0)
        record_set_text(record, "found", (struct text){(const char *)found->data, found->size});
    return true;
}

static bool grade_stream(const struct invocation *invocation, struct error *error) {
    struct filter *filter = filter_open(invocation, &settings, 0, NULL, error);
    struct buffer found = {0};

    if (filter == NULL)
        return false;
    bool fine = filter_each(filter, grade, &found, error);
    buffer_free(&found);
    return fine;
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
