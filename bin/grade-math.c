/*
 * grade-math: whether the answer that each completion ends with is the reference, in whatever
 * writing.
 */
#include <inttypes.h>
#include <string.h>

#include "base/tool.h"
#include "grade/math_answer.h"
#include "record/filter.h"

static int equivalence = MATH_SYMBOLIC;
static int format = MATH_LATEX;
static struct filter_settings settings = FILTER_DEFAULTS;

static const struct option_entry options[] = {
    {.kind = OPTION_CHOICE,
     .letter = 'e',
     .name = "equivalence",
     .argument = "HOW",
     .target = &equivalence,
     .choices = "string|symbolic",
     .help = "the same string after normalization, or the same meaning (symbolic)"},
    {.kind = OPTION_CHOICE,
     .letter = 'F',
     .name = "format",
     .argument = "FORMAT",
     .target = &format,
     .choices = "latex|asciimath",
     .help = "how answers are written (latex)"},
    FILTER_OPTIONS(settings),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "grade-math",
    .usage = "[options] [FILE ...]",
    .summary = "Grades completions by whether their answer means the same as the reference.",
    .options = options,
};

/* The reference alone, also where it comes in its box. */
static bool read_reference(const struct record *record, struct text *reference,
                           struct error *error) {
    if (!record_text(record, "reference", reference, error))
        return false;
    if (memmem(reference->bytes, reference->size, "\\boxed", 6) != NULL)
        math_answer_extract(*reference, reference);
    for (size_t i = 0; i < reference->size; i++)
        if (reference->bytes[i] != ' ' && reference->bytes[i] != '\n')
            return true;
    return error_set(error, "field 'reference' is blank: nothing to compare with");
}

struct grading {
    struct math_grader *grader;
    uint64_t unread; /* references compared as strings */
};

static bool grade(void *context, struct record *record, struct error *error) {
    struct grading *grading = context;
    struct text completion = {0}, reference = {0}, answer = {0};
    enum math_verdict verdict = MATH_DIFFERENT;
    bool found, reference_read = true;

    if (!record_text(record, "completion", &completion, error) ||
        !read_reference(record, &reference, error))
        return false;
    found = math_answer_extract(completion, &answer);
    if (found)
        verdict = math_equivalent(grading->grader, reference, answer, &reference_read);
    grading->unread += !reference_read;
    record_begin_group(record, GROUP_GRADED);
    record_set_boolean(record, "correct", verdict >= MATH_EQUAL);
    record_set_real(record, "score", verdict >= MATH_EQUAL ? 1 : 0);
    record_set_text(record, "verdict", text_of(found ? math_verdict_name(verdict) : "no-answer"));
    if (found)
        record_set_text(record, "found", answer);
    return true;
}

static bool grade_stream(const struct invocation *invocation, struct grading *grading,
                         struct error *error) {
    struct filter *filter = filter_open(invocation, &settings, 0, NULL, error);
    return filter != NULL && filter_each(filter, grade, grading, error);
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct grading grading = {0};
    struct error error = {0};
    bool fine;

    tool_start(&invocation, &tool, argc, argv);
    grading.grader = math_grader_open((enum math_format)format, (enum math_equivalence)equivalence);
    fine = grade_stream(&invocation, &grading, &error);
    math_grader_close(grading.grader);
    if (!fine)
        tool_fail(&invocation, &error);
    if (grading.unread > 0)
        tool_say(&invocation,
                 "%" PRIu64 " records were compared as strings: their reference is no mathematics "
                 "that can be read",
                 grading.unread);
    tool_end(&invocation);
    return 0;
}
