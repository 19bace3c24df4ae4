/*
 * The two levels of equality, one after the other: strings first, which is cheap, then meaning, in
 * each reading that the commas allow.
 */
#include <stdlib.h>
#include <strings.h>

#include "grade/math_compare.h"
#include "grade/math_parse.h"

struct math_grader {
    enum math_format format;
    enum math_equivalence equivalence;
    struct math_tree tree;
    struct math_tokens tokens;
    struct math_numeric *numeric;
    struct buffer one, other; /* normalized strings */
};

const char *math_verdict_name(enum math_verdict verdict) {
    static const char *const names[] = {[MATH_DIFFERENT] = "different",
                                        [MATH_UNPARSED] = "unparsed",
                                        [MATH_EQUAL] = "equal",
                                        [MATH_EQUAL_AS_STRING] = "equal-as-string"};
    return names[verdict];
}

struct math_grader *math_grader_open(enum math_format format, enum math_equivalence equivalence) {
    struct math_grader *grader = allocate(1, sizeof *grader);

    grader->format = format;
    grader->equivalence = equivalence;
    math_tree_init(&grader->tree);
    grader->tokens.items = allocate(MATH_TOKENS, sizeof *grader->tokens.items);
    grader->numeric = math_numeric_open();
    return grader;
}

void math_grader_close(struct math_grader *grader) {
    if (grader == NULL)
        return;
    math_tree_free(&grader->tree);
    free(grader->tokens.items);
    math_numeric_close(grader->numeric);
    buffer_free(&grader->one);
    buffer_free(&grader->other);
    free(grader);
}

static struct text contents(const struct buffer *buffer) {
    return (struct text){(const char *)buffer->data, buffer->size};
}

static bool strings_equal(struct math_grader *grader, struct text reference, struct text answer) {
    grader->one.size = grader->other.size = 0;
    math_string_normalize(reference, &grader->one);
    math_string_normalize(answer, &grader->other);
    return grader->one.size > 0 && text_equal(contents(&grader->one), contents(&grader->other));
}

static bool words_equal(struct math_grader *grader, struct text reference, struct text answer) {
    bool any_case;

    grader->one.size = grader->other.size = 0;
    any_case = math_words_normalize(reference, &grader->one);
    any_case = math_words_normalize(answer, &grader->other) && any_case;
    if (grader->one.size == 0 || grader->one.size != grader->other.size)
        return false;
    return text_equal(contents(&grader->one), contents(&grader->other)) ||
           (any_case && strncasecmp((const char *)grader->one.data,
                                    (const char *)grader->other.data, grader->one.size) == 0);
}

/* One reading of both sides. */
static enum math_verdict compare_reading(struct math_grader *grader, struct text reference,
                                         struct text answer, bool commas_group,
                                         bool *reference_read) {
    struct math_reading reading = {.format = grader->format, .commas_group = commas_group};
    struct math_context context = {
        .tree = &grader->tree, .numeric = grader->numeric, .work = MATH_WORK};
    int one, other;

    math_tree_clear(&grader->tree, 4 * (reference.size + answer.size) + 4096);
    one = math_parse(reference, &reading, &grader->tree, &grader->tokens);
    *reference_read = one >= 0;
    other = one < 0 ? -1 : math_parse(answer, &reading, &grader->tree, &grader->tokens);
    if (one < 0 || other < 0)
        return MATH_UNPARSED;
    return math_compare(&context, one, other) ? MATH_EQUAL : MATH_DIFFERENT;
}

enum math_verdict math_equivalent(struct math_grader *grader, struct text reference,
                                  struct text answer, bool *reference_read) {
    enum math_verdict verdict;
    bool read = true;

    if (reference_read != NULL)
        *reference_read = reference.size <= MATH_ANSWER_SIZE;
    if (reference.size > MATH_ANSWER_SIZE || answer.size > MATH_ANSWER_SIZE)
        return text_equal(reference, answer) ? MATH_EQUAL_AS_STRING : MATH_UNPARSED;
    if (math_halves_differ(reference, answer))
        return MATH_DIFFERENT; /* though both are dropped as units are */
    if (strings_equal(grader, reference, answer))
        return MATH_EQUAL_AS_STRING;
    if (grader->equivalence == MATH_STRING)
        return MATH_DIFFERENT;
    if (words_equal(grader, reference, answer))
        return MATH_EQUAL;
    grader->tokens.ambiguous = false;
    verdict = compare_reading(grader, reference, answer, true, &read);
    if (verdict != MATH_EQUAL && grader->tokens.ambiguous)
        verdict = compare_reading(grader, reference, answer, false, &read);
    if (reference_read != NULL)
        *reference_read = read;
    return verdict;
}
