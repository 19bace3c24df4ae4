/* Parsing FIELD=VALUE and comparing fields with it. */
#include "record/condition.h"

#include <stdlib.h>
#include <string.h>

#include "record/json.h"

bool is_condition(const char *operand) {
    const char *equals = strchr(operand, '=');
    return equals != NULL && equals > operand &&
           memchr(operand, '/', (size_t)(equals - operand)) == NULL;
}

void condition_init(struct condition *condition, const char *operand) {
    const char *equals = strchr(operand, '=');
    size_t size = (size_t)(equals - operand);
    *condition = (struct condition){.unequal = size > 1 && operand[size - 1] == '!'};
    condition->field = format_text("%.*s", (int)(size - condition->unequal), operand);
    condition->spelling = text_of(equals + 1);
    struct error no_json = {0};
    if (!json_read_value(condition->spelling, &condition->value, &no_json))
        pack_text(&condition->value, condition->spelling);
}

void condition_free(struct condition *condition) {
    free(condition->field);
    buffer_free(&condition->value);
    *condition = (struct condition){0};
}

static bool is_number(struct value value) {
    enum value_type type = value_type(value);
    return type == VALUE_INTEGER || type == VALUE_REAL;
}

static bool numbers_equal(struct value a, struct value b) {
    uint64_t large_a, large_b;
    int64_t small_a, small_b;
    double real_a, real_b;
    if (value_unsigned(a, &large_a) && value_unsigned(b, &large_b))
        return large_a == large_b;
    if (value_integer(a, &small_a) && value_integer(b, &small_b))
        return small_a == small_b;
    return value_real(a, &real_a) && value_real(b, &real_b) && real_a == real_b;
}

/* Equal as JSON: the width of lengths and numbers does not count. */
static bool values_equal(struct value a, struct value b) {
    if (is_number(a) && is_number(b))
        return numbers_equal(a, b);
    if (value_type(a) != value_type(b))
        return false;
    struct buffer text_a = {0}, text_b = {0};
    json_write_value(a, &text_a);
    json_write_value(b, &text_b);
    bool equal = text_a.size == text_b.size && memcmp(text_a.data, text_b.data, text_a.size) == 0;
    buffer_free(&text_a);
    buffer_free(&text_b);
    return equal;
}

bool condition_holds(const struct condition *condition, const struct record *record) {
    const struct value *value = record_find(record, condition->field);
    struct text text;
    bool equal = false;
    if (value != NULL)
        equal = (value_text(*value, &text) && text_equal(text, condition->spelling)) ||
                values_equal(*value, (struct value){condition->value.data, condition->value.size});
    return equal != condition->unequal;
}
