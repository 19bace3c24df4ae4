/* One walk over the list. */
#include "grade/code_tests.h"

#include <stdlib.h>

static bool read_test(struct value value, struct code_test *test, struct error *error) {
    struct value_walk walk;
    struct value element;
    struct text key;
    uint64_t count;
    bool has_input = false, has_output = false;

    *test = (struct code_test){0};
    if (value_type(value) != VALUE_MAP || !value_map(value, &walk, &count))
        return error_set(error, "it is no map");
    while (value_next_pair(&walk, &key, &element)) {
        bool input = text_is(key, "stdin"), output = text_is(key, "stdout");
        bool harness = text_is(key, "harness");
        struct text *place = input ? &test->input : output ? &test->output : &test->harness;
        if (!input && !output && !harness)
            continue;
        if (!value_text(element, place))
            return error_set(error, "'%s' is no text",
                             input    ? "stdin"
                             : output ? "stdout"
                                      : "harness");
        has_input |= input;
        has_output |= output;
        test->is_harness |= harness;
    }
    return (test->is_harness ? !has_input && !has_output : has_input && has_output) ||
           error_set(error, "it should have 'stdin' and 'stdout', or 'harness' alone");
}

bool code_tests_read(struct code_tests *tests, struct value value, struct error *error) {
    struct value_walk walk;
    struct value element;
    uint64_t count;

    tests->count = 0;
    tests->value = value;
    if (value_type(value) != VALUE_ARRAY || !value_array(value, &walk, &count))
        return error_set(error, "field 'tests' is %s; a list of tests would be right",
                         value_type_name(value_type(value)));
    while (value_next(&walk, &element)) {
        if (tests->count == tests->capacity) {
            tests->capacity += tests->capacity / 2 + 8;
            tests->items = reallocate(tests->items, tests->capacity, sizeof *tests->items);
        }
        if (!read_test(element, &tests->items[tests->count], error))
            return error_place(error, "test %zu of field 'tests'", tests->count + 1);
        tests->count++;
    }
    return tests->count > 0 ||
           error_set(error, "field 'tests' is empty; a problem without tests cannot be graded");
}

void code_tests_free(struct code_tests *tests) {
    free(tests->items);
    *tests = (struct code_tests){0};
}
