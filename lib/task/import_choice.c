/*
 * MMLU: questions with options, as the published tables (question, four options, the letter; the
 * subject is the file's name), as JSON lines or as rows of a hub ("choices" or "options", and the
 * answer as a letter or a number from 0).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/import_inside.h"

enum { OPTIONS = 26 };

struct question {
    struct text question, subject;
    struct text options[OPTIONS];
    size_t count;
    size_t right;
};

/* ---- reading ---- */

static bool read_list(const struct value *list, const char *name, struct question *question,
                      struct error *error) {
    struct value_walk walk;
    struct value option;
    uint64_t count;

    if (value_type(*list) != VALUE_ARRAY || !value_array(*list, &walk, &count) || count < 2 ||
        count > OPTIONS)
        return error_set(error, "field '%s' should be an array of 2 to %d texts", name, OPTIONS);
    while (value_next(&walk, &option)) {
        struct text *text = &question->options[question->count++];
        if (value_type(option) == VALUE_NIL)
            *text = text_of("None"); /* the word, which some took for a missing value */
        else if (value_type(option) != VALUE_TEXT || !value_text(option, text))
            return error_set(error, "field '%s': option %zu is no text", name, question->count);
    }
    return true;
}

/* In `choices` or `options`, or in the fields A, B, … */
static bool read_options(const struct record *row, struct question *question, struct error *error) {
    const struct value *choices = record_find(row, "choices");
    const struct value *options = record_find(row, "options");

    if (choices != NULL || options != NULL)
        return read_list(choices != NULL ? choices : options,
                         choices != NULL ? "choices" : "options", question, error);
    for (int letter = 'A'; letter <= 'Z'; letter++) {
        char name[2] = {(char)letter, '\0'};
        if (question->count >= 2 && record_find(row, name) == NULL)
            return true;
        if (!record_text(row, name, &question->options[question->count++], error))
            return false;
    }
    return true;
}

static bool read_answer(const struct record *row, struct question *question, struct error *error) {
    const struct value *value = record_find(row, "answer");
    struct text letter;
    int64_t number = -1;

    if (value != NULL && value_type(*value) == VALUE_INTEGER) {
        value_integer(*value, &number);
    } else {
        if (!record_text(row, "answer", &letter, error))
            return false;
        if (letter.size == 1)
            number = *letter.bytes >= '0' && *letter.bytes <= '9' ? *letter.bytes - '0'
                                                                  : *letter.bytes - 'A';
    }
    if (number < 0 || (size_t)number >= question->count)
        return error_set(error,
                         "field 'answer' is none of the %zu options; a letter from A, or a "
                         "number from 0, would be right",
                         question->count);
    question->right = (size_t)number;
    return true;
}

/* Of abstract_algebra_test.csv: the name without its end and its split. */
static bool subject_of_path(const char *path, struct text *subject) {
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : path;

    if (name == NULL)
        return false;
    *subject = (struct text){name, strcspn(name, ".")};
    for (size_t i = subject->size; i > 0; i--)
        if (name[i - 1] == '_') {
            char *end = format_text("%.*s", (int)(subject->size - i), name + i);
            if (split_of_path(end) != NULL)
                subject->size = i - 1;
            free(end);
            break;
        }
    return subject->size > 0;
}

static bool read_question(const struct row *row, struct question *question, struct error *error) {
    const struct record *fields = &row->fields;
    const char *subject = record_find(fields, "topic") != NULL ? "topic" : "subject";

    *question = (struct question){0};
    if (!record_text(fields, "question", &question->question, error) ||
        !read_options(fields, question, error) || !read_answer(fields, question, error))
        return false;
    if (record_find(fields, subject) == NULL && subject_of_path(row->path, &question->subject))
        return true;
    return record_text(fields, subject, &question->subject, error);
}

/* ---- writing ---- */

static void write_prompt(const struct question *question, const char *named_group,
                         struct buffer *out) {
    out->size = 0;
    if (named_group != NULL)
        buffer_format(out, "Category: %s\n", named_group);
    buffer_append(out, question->question.bytes, question->question.size);
    for (size_t i = 0; i < question->count; i++) {
        buffer_format(out, "\n%c. ", (char)('A' + i));
        buffer_append(out, question->options[i].bytes, question->options[i].size);
    }
}

static void set_choices(struct record *problem, size_t count, struct buffer *packed) {
    packed->size = 0;
    pack_array(packed, count);
    for (size_t i = 0; i < count; i++)
        pack_text(packed, (struct text){&"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i], 1});
    record_set_value(problem, "choices", (struct value){packed->data, packed->size});
}

static void set_id(struct record *problem, const struct question *question) {
    struct text parts[OPTIONS + 4] = {question->subject, question->question};
    char letter = (char)('A' + question->right);
    char id[64];

    memcpy(parts + 2, question->options, question->count * sizeof *parts);
    parts[question->count + 2] = (struct text){&letter, 1};
    record_set_text(problem, "id", content_id("mmlu", parts, id));
}

bool convert_mmlu(struct importer *importer, const struct row *row, struct record *problem,
                  enum import_fate *fate, struct error *error) {
    struct buffer *packed = &importer->packed;
    struct question question;

    (void)fate;
    if (!read_question(row, &question, error))
        return false;
    const char *group = domain_groups_find(&importer->groups, question.subject, error);
    if (group == NULL)
        return false;
    set_id(problem, &question);
    record_set_text(problem, "task", text_of("choice"));
    write_prompt(&question, importer->settings->name_group ? group : NULL, packed);
    record_set_text(problem, "prompt", (struct text){(const char *)packed->data, packed->size});
    char letter = (char)('A' + question.right);
    record_set_text(problem, "reference", (struct text){&letter, 1});
    record_set_text(problem, "domain", text_of(group));
    record_set_text(problem, "group", text_of(group));
    record_set_text(problem, "subject", question.subject);
    set_choices(problem, question.count, packed);
    return true;
}
