/* The probabilities of choices as wanted distributions. */
#include "task/choice_targets.h"

#include <math.h>

#include "task/choice_answer.h"

/* The largest of the numbers, once all are log-probabilities. */
static bool check_map(struct value map, double *largest, struct error *error) {
    struct value_walk walk;
    struct value value;
    struct text key;
    uint64_t count;
    double number;

    *largest = -INFINITY;
    value_map(map, &walk, &count);
    while (value_next_pair(&walk, &key, &value)) {
        if (key.bytes == NULL || !value_real(value, &number) || isnan(number) || number == INFINITY)
            return error_set(error, "field 'choice_logprobs' should map texts to finite numbers");
        if (number > *largest)
            *largest = number;
    }
    return isfinite(*largest) ||
           error_set(error, "field 'choice_logprobs' gives no choice any probability");
}

bool choice_targets(const struct record *record, struct text input, struct buffer *out,
                    struct error *error) {
    const struct value *map = record_find(record, "choice_logprobs");
    struct buffer choice = {0};
    struct value_walk walk;
    struct value value;
    struct text key;
    uint64_t count;
    double largest, number, total = 0;

    if (map == NULL || value_type(*map) != VALUE_MAP)
        return error_set(error, "field 'choice_logprobs' is no map from choices to numbers; what "
                                "sample writes for a problem with choices would be right");
    if (!check_map(*map, &largest, error))
        return false;
    value_map(*map, &walk, &count);
    while (value_next_pair(&walk, &key, &value))
        total += value_real(value, &number) ? exp(number - largest) : 0;
    pack_map(out, 1);
    pack_text(out, text_of("tokens"));
    pack_map(out, (size_t)count);
    value_map(*map, &walk, &count);
    while (value_next_pair(&walk, &key, &value)) {
        value_real(value, &number);
        choice.size = 0;
        choice_continue(input, key, &choice);
        pack_text(out, (struct text){(const char *)choice.data, choice.size});
        pack_real(out, exp(number - largest) / total);
    }
    buffer_free(&choice);
    return true;
}
