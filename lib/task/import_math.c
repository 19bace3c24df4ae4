/*
 * MATH: {"problem", "level": "Level 3", "type": "Algebra", "solution"} as one file a problem (the
 * published folders), JSON lines, or rows of a hub.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/options.h"
#include "task/boxed.h"
#include "task/import_inside.h"

/* "Level 3", "3" or 3; a few problems have "Level ?", which is none. */
static bool set_level(const struct record *row, struct record *problem, struct error *error) {
    const struct value *value = record_find(row, "level");
    struct text text;
    int64_t level;

    if (value == NULL)
        return true;
    if (value_type(*value) == VALUE_INTEGER) {
        if (!record_integer(row, "level", &level, error))
            return false;
    } else {
        if (!record_text(row, "level", &text, error))
            return false;
        if (text_is(text, "Level ?"))
            return true;
        char *spelled = format_text("%.*s", text.size < 40 ? (int)text.size : 40, text.bytes);
        char digit = 0, more = 0;
        bool fine = sscanf(spelled, "Level %c%c", &digit, &more) == 1 ||
                    sscanf(spelled, "%c%c", &digit, &more) == 1;
        free(spelled);
        if (!fine || digit < '1' || digit > '9')
            return error_set(error,
                             "field 'level' is '%.*s'; \"Level 1\" to \"Level 5\" would be "
                             "right",
                             text.size < 40 ? (int)text.size : 40, text.bytes);
        level = digit - '0';
    }
    record_set_integer(problem, "level", level);
    return true;
}

bool convert_math(struct importer *importer, const struct row *row, struct record *problem,
                  enum import_fate *fate, struct error *error) {
    const struct record *fields = &row->fields;
    struct text prompt, solution, answer, type;
    char id[64];

    (void)fate;
    if (!record_text(fields, "problem", &prompt, error) ||
        !record_text(fields, "solution", &solution, error) ||
        !record_text(fields, "type", &type, error))
        return false;
    if (!boxed_answer(solution, &answer))
        return error_set(error, "field 'solution' has no \\boxed{answer}");
    const char *group = domain_groups_find(&importer->groups, type, error);
    if (group == NULL)
        return error_place(error, "field 'type'");
    record_set_text(problem, "id", content_id("math", (struct text[]){prompt, solution, {0}}, id));
    record_set_text(problem, "task", text_of("math"));
    record_set_text(problem, "prompt", prompt);
    record_set_text(problem, "reference", answer);
    record_set_text(problem, "domain", type);
    record_set_text(problem, "group", text_of(group));
    if (!set_level(fields, problem, error))
        return false;
    record_set_text(problem, "solution", solution);
    return true;
}
