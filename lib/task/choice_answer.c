/* Choices as continuations. */
#include "task/choice_answer.h"

#include <ctype.h>
#include <string.h>

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

void choice_continue(struct text input, struct text choice, struct buffer *out) {
    if (input.size > 0 && !is_blank(input.bytes[input.size - 1]) && choice.size > 0 &&
        !is_blank(*choice.bytes))
        buffer_append(out, " ", 1);
    buffer_append(out, choice.bytes, choice.size);
}

bool choice_count(const struct record *problem, size_t *count, struct error *error) {
    const struct value *choices = record_find(problem, "choices");
    struct value_walk walk;
    struct value element;
    struct text choice;
    uint64_t listed;

    *count = 0;
    if (choices == NULL)
        return true;
    if (!value_array(*choices, &walk, &listed) || listed == 0)
        return error_set(error, "'choices' must be a list of texts");
    while (value_next(&walk, &element))
        if (!value_text(element, &choice))
            return error_set(error, "'choices' must be a list of texts");
    *count = (size_t)listed;
    return true;
}

struct text choice_at(const struct record *problem, size_t at) {
    struct value_walk walk;
    struct value element = {0};
    struct text choice = {"", 0};
    uint64_t count;

    value_array(*record_find(problem, "choices"), &walk, &count);
    for (size_t i = 0; i <= at; i++)
        value_next(&walk, &element);
    value_text(element, &choice);
    return choice;
}

static struct text trimmed(struct text text) {
    while (text.size > 0 && isspace((unsigned char)*text.bytes)) {
        text.bytes++;
        text.size--;
    }
    while (text.size > 0 && isspace((unsigned char)text.bytes[text.size - 1]))
        text.size--;
    return text;
}

bool choice_made(const struct record *problem, struct text completion, struct text *choice) {
    struct error ignored = {0};
    size_t count;

    if (!choice_count(problem, &count, &ignored))
        return false;
    for (size_t i = 0; i < count; i++) {
        *choice = choice_at(problem, i);
        if (text_equal(trimmed(*choice), trimmed(completion)))
            return true;
    }
    return false;
}
