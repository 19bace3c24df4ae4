/* Field names and conditions from a command line: see fields.h. */
#include "result/fields.h"

#include <stdlib.h>
#include <string.h>

#include "result/key.h"

bool fields_contain(const struct fields *fields, const char *name) {
    for (size_t i = 0; i < fields->count; i++)
        if (strcmp(fields->items[i], name) == 0)
            return true;
    return false;
}

static void fields_append(struct fields *fields, const char *name) {
    fields->items = reallocate(fields->items, fields->count + 1, sizeof *fields->items);
    fields->items[fields->count++] = name;
}

bool fields_parse(struct fields *fields, const char *text, struct error *error) {
    *fields = (struct fields){.storage = copy_text(text)};
    if (text[0] == '\0')
        return true;
    char *rest = fields->storage;
    for (char *name; (name = strsep(&rest, ",")) != NULL;) {
        if (name[0] == '\0')
            return error_set(error,
                             "'%s' has an empty name; names with commas between would be "
                             "right",
                             text);
        if (fields_contain(fields, name))
            return error_set(error, "'%s' is named twice", name);
        fields_append(fields, name);
    }
    return true;
}

void fields_put_last(struct fields *fields, const char *name) {
    size_t kept = 0;
    for (size_t i = 0; i < fields->count; i++)
        if (strcmp(fields->items[i], name) != 0)
            fields->items[kept++] = fields->items[i];
    fields->count = kept;
    fields_append(fields, name);
}

void fields_join(struct fields *fields, const struct fields *others) {
    for (size_t i = 0; i < others->count; i++)
        if (!fields_contain(fields, others->items[i]))
            fields_append(fields, others->items[i]);
}

void fields_join_conditions(struct fields *fields, const struct conditions *conditions) {
    for (size_t i = 0; i < conditions->count; i++)
        if (!fields_contain(fields, conditions->items[i].field))
            fields_append(fields, conditions->items[i].field);
}

struct fields fields_without(const struct fields *fields, const char *name) {
    struct fields others = {0};
    for (size_t i = 0; i < fields->count; i++)
        if (strcmp(fields->items[i], name) != 0)
            fields_append(&others, fields->items[i]);
    return others;
}

void fields_free(struct fields *fields) {
    free(fields->items);
    free(fields->storage);
    *fields = (struct fields){0};
}

static void append(struct conditions *conditions, char *field, char *value) {
    conditions->items =
        reallocate(conditions->items, conditions->count + 1, sizeof *conditions->items);
    conditions->items[conditions->count++] = (struct condition){field, value};
}

bool conditions_add(struct conditions *conditions, const char *text, struct error *error) {
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return error_set(error, "'%s' is no condition; FIELD=VALUE would be right", text);
    append(conditions, format_text("%.*s", (int)(equals - text), text), copy_text(equals + 1));
    return true;
}

bool conditions_parse(struct conditions *conditions, const char *text, struct error *error) {
    char *storage = copy_text(text), *rest = storage;
    bool fine = true;
    for (char *part; fine && (part = strsep(&rest, ",")) != NULL;)
        fine = conditions_add(conditions, part, error);
    free(storage);
    return fine;
}

void conditions_inherit(struct conditions *conditions, const struct conditions *others) {
    const size_t own = conditions->count;
    for (size_t i = 0; i < others->count; i++) {
        bool named = false;
        for (size_t j = 0; j < own; j++)
            named |= strcmp(conditions->items[j].field, others->items[i].field) == 0;
        if (!named)
            append(conditions, copy_text(others->items[i].field),
                   copy_text(others->items[i].value));
    }
}

/* Whether any condition on the field of condition `at` holds. */
static bool field_holds(const struct conditions *conditions, size_t at,
                        const struct record *record) {
    struct error ignored = {0};
    struct key key;
    const char *field = conditions->items[at].field;
    if (!key_find(record, field, &key, &ignored))
        return false; /* a list or a long text equals nothing that can be written here */
    for (size_t i = 0; i < conditions->count; i++)
        if (strcmp(conditions->items[i].field, field) == 0 &&
            key_is(&key, conditions->items[i].value))
            return true;
    return false;
}

bool conditions_hold(const struct conditions *conditions, const struct record *record) {
    for (size_t i = 0; i < conditions->count; i++)
        if (!field_holds(conditions, i, record))
            return false;
    return true;
}

void conditions_free(struct conditions *conditions) {
    for (size_t i = 0; i < conditions->count; i++) {
        free(conditions->items[i].field);
        free(conditions->items[i].value);
    }
    free(conditions->items);
    *conditions = (struct conditions){0};
}
