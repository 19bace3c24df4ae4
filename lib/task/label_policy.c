/* Labels as policies. */
#include "task/label_policy.h"

#include "task/choice_answer.h"

void label_words(struct text input, bool framed, struct text words, struct buffer *out) {
    if (framed)
        choice_continue(input, words, out);
    else
        buffer_append(out, words.bytes, words.size);
}

bool label_reference(const struct record *problem, struct text input, bool framed,
                     struct buffer *out, struct error *error) {
    struct text reference, choice;

    if (!record_text(problem, "reference", &reference, error))
        return false;
    if (record_find(problem, "choices") == NULL) {
        label_words(input, framed, reference, out);
        return true;
    }
    if (!choice_made(problem, reference, &choice))
        return error_set(error, "field 'reference', '%.*s', is none of the choices",
                         reference.size < 40 ? (int)reference.size : 40, reference.bytes);
    choice_continue(input, choice, out);
    return true;
}

bool label_solution(const struct record *problem, struct text input, bool framed,
                    struct buffer *out, struct error *error) {
    struct text solution;

    if (record_find(problem, "solution") == NULL)
        return label_reference(problem, input, framed, out, error);
    if (!record_text(problem, "solution", &solution, error))
        return false;
    label_words(input, framed, solution, out);
    return true;
}

bool label_uniform(const struct record *problem, struct text input, struct random *random,
                   struct buffer *out, struct error *error) {
    size_t count;

    if (!choice_count(problem, &count, error))
        return false;
    if (count == 0)
        return error_set(error, "the problem has no 'choices' to draw from; a choice task would be "
                                "right for --policy uniform");
    choice_continue(input, choice_at(problem, (size_t)random_below(random, count)), out);
    return true;
}
