/*
 * Post-processors: the tokens that stand around a text. What they do with pairs of texts, with
 * offsets and with token types does not concern ids of single texts.
 */
#include <stdlib.h>
#include <string.h>

#include "text/pipeline.h"
#include "text/tokenizer_class.h"

#define MOST_AROUND 256

static bool add_id(struct token_list *list, const json_t *id, struct error *error) {
    if (!json_is_integer(id) || json_integer_value(id) < 0 ||
        json_integer_value(id) >= VOCABULARY_MOST)
        return error_set(error, "an id is no whole number from 0 to %d", VOCABULARY_MOST - 1);
    if (list->count >= MOST_AROUND)
        return error_set(error, "more than %d tokens around a text", MOST_AROUND);
    token_list_add(list, (int32_t)json_integer_value(id));
    return true;
}

/* {"SpecialToken": {"id": name}}, whose ids stand in special_tokens. */
static bool add_special(const json_t *section, const json_t *special, struct token_list *list,
                        struct error *error) {
    const char *name;
    if (!json_get_text(special, "id", true, NULL, &name, error))
        return false;
    const json_t *entry = json_object_get(json_object_get(section, "special_tokens"), name);
    const json_t *ids = json_object_get(entry, "ids");
    if (!json_is_array(ids))
        return refuse_quoted(error, "special_tokens has no ids for", text_of(name), "");
    for (size_t i = 0; i < json_array_size(ids); i++)
        if (!add_id(list, json_array_get(ids, i), error))
            return false;
    return true;
}

static bool read_template(const json_t *section, struct token_list *before,
                          struct token_list *after, struct error *error) {
    const json_t *template = json_object_get(section, "single");
    bool behind = false;
    if (!json_is_array(template))
        return error_set(error, "'single' is no array");
    for (size_t i = 0; i < json_array_size(template); i++) {
        const json_t *special = json_object_get(json_array_get(template, i), "SpecialToken");
        const json_t *sequence = json_object_get(json_array_get(template, i), "Sequence");
        const char *id = json_string_value(json_object_get(sequence, "id"));
        if (special != NULL) {
            if (!add_special(section, special, behind ? after : before, error))
                return false;
        } else if (id == NULL || strcmp(id, "A") != 0 || behind) {
            return error_set(error, "'single' must hold the sequence A once, and special tokens");
        } else {
            behind = true;
        }
    }
    return behind || error_set(error, "'single' does not hold the sequence A");
}

/* BERT's and RoBERTa's: "cls" and "sep" are pairs of token and id. */
static bool read_bert(const json_t *section, struct token_list *before, struct token_list *after,
                      struct error *error) {
    return add_id(before, json_array_get(json_object_get(section, "cls"), 1), error) &&
           add_id(after, json_array_get(json_object_get(section, "sep"), 1), error);
}

static bool read_section(const json_t *section, int depth, struct token_list *before,
                         struct token_list *after, struct error *error);

static bool read_sequence(const json_t *section, int depth, struct token_list *before,
                          struct token_list *after, struct error *error) {
    const json_t *list = json_object_get(section, "processors");
    if (!json_is_array(list) || depth > SECTION_DEPTH)
        return error_set(error, "Sequence has no array 'processors', or too many in each other");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!read_section(json_array_get(list, i), depth + 1, before, after, error))
            return false;
    return true;
}

/* Puts what a later processor adds around what the earlier ones did. */
static bool read_around(bool (*read)(const json_t *, struct token_list *, struct token_list *,
                                     struct error *),
                        const json_t *section, struct token_list *before, struct token_list *after,
                        struct error *error) {
    struct token_list outer = {0};
    bool fine = read(section, &outer, after, error);
    for (size_t i = 0; i < before->count; i++)
        token_list_add(&outer, before->ids[i]);
    token_list_free(before);
    *before = outer;
    return fine && (before->count <= MOST_AROUND ||
                    error_set(error, "more than %d tokens around a text", MOST_AROUND));
}

static bool read_section(const json_t *section, int depth, struct token_list *before,
                         struct token_list *after, struct error *error) {
    const char *type;
    if (!json_is_object(section))
        return error_set(error, "is no object");
    if (!json_get_text(section, "type", true, NULL, &type, error))
        return false;
    if (strcmp(type, "Sequence") == 0)
        return read_sequence(section, depth, before, after, error);
    if (strcmp(type, "ByteLevel") == 0)
        return true; /* concerns offsets alone */
    if (strcmp(type, "TemplateProcessing") == 0)
        return read_around(read_template, section, before, after, error);
    if (strcmp(type, "BertProcessing") == 0 || strcmp(type, "RobertaProcessing") == 0)
        return read_around(read_bert, section, before, after, error);
    return refuse_quoted(error, "type", text_of(type), "is not supported");
}

bool post_processor_read(const json_t *section, struct token_list *before, struct token_list *after,
                         struct error *error) {
    return section == NULL || json_is_null(section) ||
           read_section(section, 0, before, after, error) || error_place(error, "post_processor");
}
