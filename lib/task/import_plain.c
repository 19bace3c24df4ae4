/*
 * Plain tables and JSON: columns are fields already, or --map says which field a column is. All
 * columns are kept.
 */
#include <stdlib.h>
#include <string.h>

#include "task/boxed.h"
#include "task/import_inside.h"

/* The field that a column becomes, by "field=column"; the column's own name without. */
static bool field_of_column(const struct text_list *map, struct text column, struct text *field) {
    for (size_t i = 0; i < map->count; i++) {
        const char *equals = strchr(map->items[i], '=');
        if (text_is(column, equals + 1)) {
            *field = (struct text){map->items[i], (size_t)(equals - map->items[i])};
            return true;
        }
    }
    *field = column;
    return false;
}

static bool rename_fields(const struct import_settings *settings, const struct record *row,
                          struct record *problem, struct error *error) {
    for (size_t i = 0; i < row->count; i++) {
        struct text name;
        field_of_column(&settings->map, row->fields[i].key, &name);
        char *field = format_text("%.*s", (int)name.size, name.bytes);
        bool twice = record_find(problem, field) != NULL;
        if (!twice)
            record_set_value(problem, field, row->fields[i].value);
        free(field);
        if (twice)
            return error_set(error, "two columns become field '%.*s'; --map can rename the other",
                             name.size < 80 ? (int)name.size : 80, name.bytes);
    }
    for (size_t i = 0; i < settings->map.count; i++) {
        const char *column = strchr(settings->map.items[i], '=') + 1;
        if (record_find(row, column) == NULL)
            return error_set(error, "no column '%.80s', which --map names", column);
    }
    return true;
}

/* Tables have text only: a level is a number, choices are texts between commas. */
static bool shape_fields(struct record *problem, struct buffer *packed, struct error *error) {
    const struct value *level = record_find(problem, "level");
    const struct value *choices = record_find(problem, "choices");
    struct text text;
    int64_t number;

    if (level != NULL && value_type(*level) == VALUE_TEXT && value_text(*level, &text)) {
        char *spelled = format_text("%.*s", text.size < 40 ? (int)text.size : 40, text.bytes);
        bool fine = parse_integer(spelled, &number);
        free(spelled);
        if (!fine)
            return error_set(error, "field 'level' is '%.*s'; a whole number would be right",
                             text.size < 40 ? (int)text.size : 40, text.bytes);
        record_set_integer(problem, "level", number);
    }
    if (choices == NULL || value_type(*choices) != VALUE_TEXT || !value_text(*choices, &text))
        return true;
    size_t count = 1;
    for (size_t i = 0; i < text.size; i++)
        count += text.bytes[i] == ',';
    packed->size = 0;
    pack_array(packed, count);
    for (size_t i = 0; i < count; i++) {
        const char *comma = memchr(text.bytes, ',', text.size);
        size_t size = comma != NULL ? (size_t)(comma - text.bytes) : text.size;
        pack_text(packed, (struct text){text.bytes, size});
        text.bytes += size + (comma != NULL);
        text.size -= size + (comma != NULL);
    }
    record_set_value(problem, "choices", (struct value){packed->data, packed->size});
    return true;
}

/* A problem of mathematics may have its answer in its solution only. */
static bool set_reference(struct record *problem, struct error *error) {
    struct error ignored = {0};
    struct text task, solution, answer;

    if (!record_text(problem, "task", &task, &ignored) || record_find(problem, "reference") != NULL)
        return true;
    if (text_is(task, "math") && record_text(problem, "solution", &solution, &ignored)) {
        if (!boxed_answer(solution, &answer))
            return error_set(error, "no field 'reference', and no \\boxed{answer} in 'solution'");
        record_set_text(problem, "reference", answer);
        return true;
    }
    if (text_is(task, "math") || text_is(task, "choice"))
        return record_text(problem, "reference", &answer, error);
    return true;
}

static bool set_id(struct record *problem, struct text prompt, struct error *error) {
    const struct value *value = record_find(problem, "id");
    struct text task = text_of("problem"), reference = text_of("");
    struct error ignored = {0};
    int64_t number;
    char id[64];

    if (value != NULL && value_type(*value) == VALUE_INTEGER &&
        record_integer(problem, "id", &number, &ignored)) {
        char *spelled = format_text("%lld", (long long)number);
        record_set_text(problem, "id", text_of(spelled));
        free(spelled);
        return true;
    }
    if (value != NULL)
        return record_text(problem, "id", &reference, error);
    if (!record_text(problem, "task", &task, &ignored))
        task = text_of("problem");
    if (!record_text(problem, "reference", &reference, &ignored))
        reference = text_of("");
    char *name = format_text("%.*s", task.size < 40 ? (int)task.size : 40, task.bytes);
    content_id(name, (struct text[]){prompt, reference, {0}}, id);
    record_set_text(problem, "id", text_of(id));
    free(name);
    return true;
}

bool convert_plain(struct importer *importer, const struct row *row, struct record *problem,
                   enum import_fate *fate, struct error *error) {
    const struct import_settings *settings = importer->settings;
    struct text prompt;

    (void)fate;
    if (!rename_fields(settings, &row->fields, problem, error))
        return false;
    if (settings->task != NULL)
        record_set_text(problem, "task", text_of(settings->task));
    return record_text(problem, "prompt", &prompt, error) &&
           shape_fields(problem, &importer->packed, error) && set_reference(problem, error) &&
           record_text(problem, "prompt", &prompt, error) && set_id(problem, prompt, error);
}
