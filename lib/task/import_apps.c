/*
 * APPS: folders with question.txt, input_output.json, metadata.json, solutions.json and
 * starter_code.py, or JSON lines with the same as fields. Problems with `fn_name` ask for a
 * function of another language; they are recognized without reading their tests, which hold numbers
 * beyond any integer type.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "record/json.h"
#include "task/import_inside.h"

enum { FILE_LIMIT = 128 << 20 }; /* bytes of one file of a problem, at most */

/* ---- folders ---- */

bool apps_is_problem(const char *folder) {
    char *path = path_join(folder, "question.txt");
    bool found = access(path, F_OK) == 0;

    free(path);
    return found;
}

/* A file's text as a field; one that is missing is none where it need not be there. */
static bool read_part(const char *folder, const char *name, const char *field, bool required,
                      struct record *fields, struct error *error) {
    char *path = path_join(folder, name);
    struct buffer text = {0};
    bool fine = true;

    if (required || access(path, F_OK) == 0)
        fine = file_read(path, FILE_LIMIT, &text, error);
    if (fine && text.size > 0) {
        struct text whole = {(const char *)text.data, text.size};
        fine = row_check_text(field, whole, error) || error_place(error, "%s", path);
        record_set_text(fields, field, whole);
    }
    buffer_free(&text);
    free(path);
    return fine;
}

static bool read_metadata(const char *folder, struct record *fields, struct error *error) {
    struct record metadata = {0}, text = {0};
    struct buffer packed = {0};
    struct text bytes;
    bool fine = read_part(folder, "metadata.json", "metadata", false, &text, error);

    if (fine && record_find(&text, "metadata") != NULL)
        fine = record_text(&text, "metadata", &bytes, error) &&
               ((json_read_record(bytes, &packed, error) &&
                 record_parse(&metadata, packed.data, packed.size, error) &&
                 copy_field(&metadata, "difficulty", fields, "difficulty", false, error)) ||
                error_place(error, "metadata.json"));
    record_free(&metadata);
    record_free(&text);
    buffer_free(&packed);
    return fine;
}

bool apps_read_problem(const char *folder, const struct row_sink *sink, struct error *error) {
    struct row row = {.path = folder};
    const char *end = folder + strlen(folder);
    const char *name;

    while (end > folder && end[-1] == '/')
        end--;
    for (name = end; name > folder && name[-1] != '/';)
        name--;
    snprintf(row.place, sizeof row.place, "%s", folder);
    record_set_text(&row.fields, "problem_id", (struct text){name, (size_t)(end - name)});
    bool fine = read_part(folder, "question.txt", "question", true, &row.fields, error) &&
                read_part(folder, "input_output.json", "input_output", false, &row.fields, error) &&
                read_part(folder, "starter_code.py", "starter_code", false, &row.fields, error) &&
                read_part(folder, "solutions.json", "solutions", false, &row.fields, error) &&
                read_metadata(folder, &row.fields, error);
    if (fine) {
        fine = sink->take(sink->context, &row, error);
    } else {
        if (strncmp(error->text, folder, strlen(folder)) != 0)
            error_place(error, "%s", folder);
        fine = sink->refuse(sink->context, (struct text){"", 0}, error);
    }
    record_free(&row.fields);
    return fine;
}

/* ---- tests ---- */

/*
 * The value of "fn_name" in a text of JSON. Within a string its quotes would be escaped, so the
 * bytes as they stand are the key itself.
 */
static bool find_function(struct text json, struct text *name) {
    static const char key[] = "\"fn_name\"";
    const char *at = memmem(json.bytes, json.size, key, sizeof key - 1);
    const char *end = json.bytes + json.size;

    if (at == NULL || (at > json.bytes && at[-1] == '\\'))
        return false;
    at += sizeof key - 1;
    while (at < end && (isspace((unsigned char)*at) || *at == ':'))
        at++;
    if (at == end || *at != '"')
        return false;
    const char *close = memchr(at + 1, '"', (size_t)(end - at - 1));
    if (close == NULL)
        return false;
    *name = (struct text){at + 1, (size_t)(close - at - 1)};
    return true;
}

/* What goes in or comes out: a text, or an array of its lines. */
static bool append_stream(struct value value, struct buffer *out) {
    struct value_walk walk;
    struct value line;
    struct text text;
    uint64_t count;

    if (value_type(value) == VALUE_TEXT && value_text(value, &text)) {
        buffer_append(out, text.bytes, text.size);
        return true;
    }
    if (value_type(value) != VALUE_ARRAY || !value_array(value, &walk, &count))
        return false;
    while (value_next(&walk, &line)) {
        if (value_type(line) != VALUE_TEXT || !value_text(line, &text))
            return false;
        buffer_append(out, text.bytes, text.size);
        buffer_append_text(out, "\n");
    }
    return true;
}

static void pack_member(struct buffer *packed, const char *key, const struct buffer *text) {
    pack_text(packed, text_of(key));
    pack_text(packed,
              (struct text){text->data != NULL ? (const char *)text->data : "", text->size});
}

/* The list of {"stdin", "stdout"} from the two arrays. */
static bool pack_tests(struct value inputs, struct value outputs, struct buffer *packed,
                       uint64_t *count, struct error *error) {
    struct value_walk in, out;
    struct value input, output;
    struct buffer text = {0};
    uint64_t others;
    bool fine = true;

    if (value_type(inputs) != VALUE_ARRAY || !value_array(inputs, &in, count) ||
        value_type(outputs) != VALUE_ARRAY || !value_array(outputs, &out, &others))
        return error_set(error, "'inputs' and 'outputs' should be arrays");
    if (*count != others)
        return error_set(error, "%llu inputs, but %llu outputs", (unsigned long long)*count,
                         (unsigned long long)others);
    pack_array(packed, *count);
    for (uint64_t i = 1; fine && value_next(&in, &input) && value_next(&out, &output); i++) {
        pack_map(packed, 2);
        text.size = 0;
        fine = append_stream(input, &text);
        pack_member(packed, "stdin", &text);
        text.size = 0;
        fine = append_stream(output, &text) && fine;
        pack_member(packed, "stdout", &text);
        if (!fine)
            error_set(error, "test %llu is neither text nor an array of lines",
                      (unsigned long long)i);
    }
    buffer_free(&text);
    return fine;
}

/* Sets `tests`; with none, the fate says so. */
static bool set_tests(struct text json, struct record *problem, enum import_fate *fate,
                      struct error *error) {
    struct buffer packed = {0}, tests = {0};
    struct record streams = {0};
    uint64_t count = 0;
    bool fine = json_read_record(json, &packed, error) &&
                record_parse(&streams, packed.data, packed.size, error);

    if (fine) {
        const struct value *inputs = record_find(&streams, "inputs");
        const struct value *outputs = record_find(&streams, "outputs");
        if (inputs != NULL && outputs != NULL)
            fine = pack_tests(*inputs, *outputs, &tests, &count, error);
        if (fine && count > 0)
            record_set_value(problem, "tests", (struct value){tests.data, tests.size});
    }
    if (count == 0)
        *fate = FATE_UNTESTED;
    record_free(&streams);
    buffer_free(&packed);
    buffer_free(&tests);
    return fine || error_place(error, "field 'input_output'");
}

/* ---- problems ---- */

/* The first of the published solutions, which are programs in Python. */
static bool set_solution(const struct record *row, struct record *problem, struct error *error) {
    struct buffer packed = {0};
    struct value_walk walk;
    struct value solution;
    struct text json, program;
    uint64_t count;
    bool fine;

    if (record_find(row, "solutions") == NULL)
        return true;
    fine = record_text(row, "solutions", &json, error);
    if (!fine || json.size == 0)
        return fine;
    fine = json_read_value(json, &packed, error) || error_place(error, "field 'solutions'");
    if (fine && value_array((struct value){packed.data, packed.size}, &walk, &count) &&
        value_next(&walk, &solution) && value_text(solution, &program))
        record_set_text(problem, "solution", program);
    buffer_free(&packed);
    return fine;
}

static bool set_id(const struct importer *importer, const struct row *row, struct record *problem,
                   struct error *error) {
    const char *split = importer->settings->split;
    const struct record *fields = &row->fields;
    const char *key = record_find(fields, "problem_id") != NULL ? "problem_id" : "id";
    const struct value *value = record_find(fields, key);
    struct text name;
    int64_t number;
    char *id;

    if (split == NULL)
        split = split_of_path(row->path);
    const char *dash = split != NULL ? "-" : "";
    split = split != NULL ? split : "";
    if (value != NULL && value_type(*value) == VALUE_INTEGER) {
        if (!record_integer(fields, key, &number, error))
            return false;
        id = format_text("apps-%s%s%04lld", split, dash, (long long)number);
    } else {
        if (!record_text(fields, key, &name, error))
            return false;
        id = format_text("apps-%s%s%.*s", split, dash, name.size < 200 ? (int)name.size : 200,
                         name.bytes);
    }
    record_set_text(problem, "id", text_of(id));
    free(id);
    return true;
}

bool convert_apps(struct importer *importer, const struct row *row, struct record *problem,
                  enum import_fate *fate, struct error *error) {
    const struct record *fields = &row->fields;
    struct text tests = {"", 0}, function;

    if (!set_id(importer, row, problem, error))
        return false;
    record_set_text(problem, "task", text_of("code"));
    if (!copy_field(fields, "question", problem, "prompt", true, error) ||
        !copy_field(fields, "difficulty", problem, "difficulty", false, error) ||
        (record_find(fields, "input_output") != NULL &&
         !record_text(fields, "input_output", &tests, error)))
        return false;
    if (tests.size == 0) {
        *fate = FATE_UNTESTED;
        return true;
    }
    if (!find_function(tests, &function)) {
        if (!importer->settings->only_functions)
            return set_tests(tests, problem, fate, error) && set_solution(fields, problem, error);
        *fate = FATE_PROGRAM;
        return true;
    }
    if (!importer->settings->functions && !importer->settings->only_functions) {
        *fate = FATE_FUNCTION;
        return true;
    }
    record_set_text(problem, "function", function);
    record_set_text(problem, "function_tests", tests);
    return copy_field(fields, "starter_code", problem, "starter_code", false, error) &&
           set_solution(fields, problem, error);
}
