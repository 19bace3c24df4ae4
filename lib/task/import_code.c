/*
 * Programming problems whose tests are assertions: MBPP (functions of Python, to be restated before
 * they can be graded) and HumanEval in C++ (the tests are a program's end).
 */
#include <stdlib.h>

#include "task/import_inside.h"

/* ---- MBPP ---- */

/* Appends an array of texts, a line each; what is missing is nothing. */
static bool append_lines(const struct record *row, const char *name, struct buffer *out,
                         uint64_t *count, struct error *error) {
    const struct value *list = record_find(row, name);
    struct value_walk walk;
    struct value line;
    struct text text;

    *count = 0;
    if (list == NULL || value_type(*list) == VALUE_NIL)
        return true;
    if (value_type(*list) == VALUE_TEXT && value_text(*list, &text)) {
        buffer_append(out, text.bytes, text.size);
        if (text.size > 0)
            buffer_append_text(out, "\n");
        return true;
    }
    if (value_type(*list) != VALUE_ARRAY || !value_array(*list, &walk, count))
        return error_set(error, "field '%s' should be an array of texts", name);
    while (value_next(&walk, &line)) {
        if (value_type(line) != VALUE_TEXT || !value_text(line, &text))
            return error_set(error, "field '%s' should be an array of texts", name);
        buffer_append(out, text.bytes, text.size);
        buffer_append_text(out, "\n");
    }
    return true;
}

bool convert_mbpp(struct importer *importer, const struct row *row, struct record *problem,
                  enum import_fate *fate, struct error *error) {
    const struct record *fields = &row->fields;
    const char *prompt = record_find(fields, "text") != NULL ? "text" : "prompt";
    struct buffer *tests = &importer->packed;
    int64_t number;
    uint64_t count;

    if (!record_integer(fields, "task_id", &number, error))
        return false;
    char *id = format_text("mbpp-%lld", (long long)number);
    record_set_text(problem, "id", text_of(id));
    free(id);
    record_set_text(problem, "task", text_of("code"));
    tests->size = 0;
    if (!copy_field(fields, prompt, problem, "prompt", true, error) ||
        !append_lines(fields, "test_setup_code", tests, &count, error) ||
        !append_lines(fields, "test_imports", tests, &count, error) ||
        !append_lines(fields, "test_list", tests, &count, error))
        return false;
    if (count == 0)
        *fate = FATE_UNTESTED;
    record_set_text(
        problem, "function_tests",
        (struct text){tests->data != NULL ? (const char *)tests->data : "", tests->size});
    return copy_field(fields, "code", problem, "solution", true, error);
}

/* ---- HumanEval ---- */

bool convert_humaneval(struct importer *importer, const struct row *row, struct record *problem,
                       enum import_fate *fate, struct error *error) {
    const struct record *fields = &row->fields;
    const char *id = record_find(fields, "name") != NULL ? "name" : "task_id";
    const char *harness = record_find(fields, "tests") != NULL ? "tests" : "test";
    const struct value *stop = record_find(fields, "stop_tokens");
    struct buffer *packed = &importer->packed;
    struct text language, text;

    (void)fate;
    if (!record_text(fields, "language", &language, error))
        return error_place(error, "tests in Python cannot be run");
    if (!text_is(language, "cpp"))
        return error_set(error, "field 'language' is '%.*s'; only cpp can be run",
                         language.size < 40 ? (int)language.size : 40, language.bytes);
    if (!copy_field(fields, id, problem, "id", true, error))
        return false;
    record_set_text(problem, "task", text_of("code"));
    if (!copy_field(fields, "prompt", problem, "prompt", true, error) ||
        !record_text(fields, harness, &text, error))
        return false;
    packed->size = 0;
    pack_array(packed, 1);
    pack_map(packed, 1);
    pack_text(packed, text_of("harness"));
    pack_text(packed, text);
    record_set_value(problem, "tests", (struct value){packed->data, packed->size});
    if (stop != NULL)
        record_set_value(problem, "stop_tokens", *stop);
    return true;
}
