/* Added tokens: reading the list, and the leftmost longest of them in a text. */
#include "text/added_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "text/tokenizer_class.h"
#include "text/unicode.h"

#define LONGEST 1024 /* bytes; every place of a text may be compared with so many */
#define MOST_ADDED (1 << 20)

/* ---- the trie ---- */

static uint32_t new_node(struct token_trie *trie, uint8_t byte) {
    if (trie->count + 1 >= trie->capacity) {
        trie->capacity = trie->capacity ? 2 * trie->capacity : 64;
        trie->nodes = reallocate(trie->nodes, trie->capacity, sizeof *trie->nodes);
    }
    if (trie->count == 0)
        trie->count = 1; /* place 0 means none */
    trie->nodes[trie->count] = (struct trie_node){.token = -1, .byte = byte};
    return (uint32_t)trie->count++;
}

static uint32_t find_child(const struct token_trie *trie, uint32_t node, uint8_t byte) {
    uint32_t child = trie->nodes[node].child;
    while (child != 0 && trie->nodes[child].byte != byte)
        child = trie->nodes[child].sibling;
    return child;
}

static void trie_add(struct token_trie *trie, struct text text, int32_t token) {
    uint8_t first = (uint8_t)text.bytes[0];
    if (trie->roots[first] == 0)
        trie->roots[first] = new_node(trie, first);
    uint32_t node = trie->roots[first];
    for (size_t i = 1; i < text.size; i++) {
        uint32_t child = find_child(trie, node, (uint8_t)text.bytes[i]);
        if (child == 0) {
            child = new_node(trie, (uint8_t)text.bytes[i]);
            trie->nodes[child].sibling = trie->nodes[node].child;
            trie->nodes[node].child = child;
        }
        node = child;
    }
    trie->nodes[node].token = token;
}

/* The longest token at `at`, −1 for none. */
static int32_t trie_match(const struct token_trie *trie, struct text text, size_t at, size_t *end) {
    uint32_t node = trie->roots[(uint8_t)text.bytes[at]];
    int32_t found = -1;
    while (node != 0) {
        at++;
        if (trie->nodes[node].token >= 0) {
            found = trie->nodes[node].token;
            *end = at;
        }
        node = at < text.size ? find_child(trie, node, (uint8_t)text.bytes[at]) : 0;
    }
    return found;
}

/* ---- opening ---- */

static bool add_to_trie(struct added_tokens *added, struct text content, int32_t place,
                        const struct normalizer *normalizer, struct error *error) {
    struct normalizer_scratch scratch = {0};
    bool normalized = added->tokens[place].normalized;
    bool fine = !normalized || normalizer == NULL ||
                normalizer_run(normalizer, &scratch, true, &content, error);
    added->tokens[place].start = added->shown.size;
    added->tokens[place].size = content.size;
    buffer_append(&added->shown, content.bytes, content.size);
    if (fine && content.size > 0)
        trie_add(normalized ? &added->normalized : &added->raw, content, place);
    normalizer_scratch_free(&scratch);
    return fine;
}

bool added_tokens_add(struct added_tokens *added, struct text content, struct added_token token,
                      const struct normalizer *normalizer, struct error *error) {
    if (content.size > LONGEST)
        return refuse_quoted(error, "the token", content, "has more than 1024 bytes");
    if (content.size == 0)
        return true; /* never found in a text */
    if (!vocabulary_add(&added->vocabulary, content, token.id, error))
        return false;
    if (added->vocabulary.count == added->count)
        return true; /* told twice */
    added->tokens = reallocate(added->tokens, added->count + 1, sizeof *added->tokens);
    added->tokens[added->count++] = token;
    return add_to_trie(added, content, (int32_t)added->count - 1, normalizer, error);
}

/* All of an entry but its id. */
static bool read_entry(const json_t *entry, struct added_token *token, struct text *text,
                       struct error *error) {
    const json_t *content = json_object_get(entry, "content");
    if (!json_is_string(content))
        return error_set(error, "'content' is no text");
    *text = (struct text){json_string_value(content), json_string_length(content)};
    return json_get_boolean(entry, "single_word", false, false, &token->single_word, error) &&
           json_get_boolean(entry, "lstrip", false, false, &token->left_strip, error) &&
           json_get_boolean(entry, "rstrip", false, false, &token->right_strip, error) &&
           json_get_boolean(entry, "special", false, false, &token->special, error) &&
           json_get_boolean(entry, "normalized", false, !token->special, &token->normalized, error);
}

static bool add_entry(struct added_tokens *added, const json_t *entry,
                      const struct normalizer *normalizer, struct error *error) {
    struct added_token token = {0};
    struct text text = {0};
    int64_t id;
    if (!read_entry(entry, &token, &text, error) ||
        !json_get_integer(entry, "id", true, 0, 0, VOCABULARY_MOST - 1, &id, error))
        return false;
    token.id = (int32_t)id;
    return added_tokens_add(added, text, token, normalizer, error);
}

bool added_tokens_open(struct added_tokens *added, const json_t *section,
                       const struct normalizer *normalizer, struct error *error) {
    if (section == NULL || json_is_null(section))
        return true;
    if (!json_is_array(section) || json_array_size(section) > MOST_ADDED)
        return error_set(error, "added_tokens must be an array of at most %d tokens", MOST_ADDED);
    for (size_t i = 0; i < json_array_size(section); i++)
        if (!add_entry(added, json_array_get(section, i), normalizer, error))
            return error_place(error, "added_tokens[%zu]", i);
    return true;
}

bool added_tokens_read_decoder(struct added_tokens *added, const json_t *section,
                               struct error *error) {
    const char *key;
    json_t *entry;
    if (section == NULL || json_is_null(section))
        return true;
    if (!json_is_object(section) || json_object_size(section) > MOST_ADDED)
        return error_set(error, "added_tokens_decoder must be an object of at most %d tokens",
                         MOST_ADDED);
    json_object_foreach((json_t *)(uintptr_t)section, key, entry) {
        struct added_token token = {0};
        struct text text = {0};
        char *end;
        long id = strtol(key, &end, 10);
        if (*key < '0' || *key > '9' || *end != '\0' || id >= VOCABULARY_MOST)
            return error_set(error, "added_tokens_decoder: '%.40s' is no id from 0 to %d", key,
                             VOCABULARY_MOST - 1);
        token.id = (int32_t)id;
        bool fine = read_entry(entry, &token, &text, error);
        token.normalized = false;
        if (!fine || !added_tokens_add(added, text, token, NULL, error))
            return error_place(error, "added_tokens_decoder: %s", key);
    }
    return true;
}

const json_t *token_content(const json_t *value) {
    return json_is_object(value) ? json_object_get(value, "content") : value;
}

/* Whether a "…_token" of the configuration is this text, or has it for its content. */
static bool is_named(const json_t *config, const char *text) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)config, key, value) {
        size_t size = strlen(key);
        const json_t *content = token_content(value);
        if (size > 6 && strcmp(key + size - 6, "_token") == 0 && json_is_string(content) &&
            strcmp(json_string_value(content), text) == 0)
            return true;
    }
    return false;
}

bool added_tokens_read_ids(struct added_tokens *added, json_t *ids, const json_t *config,
                           struct error *error) {
    const char *text;
    json_t *id;
    if (json_object_size(ids) > MOST_ADDED)
        return error_set(error, "more than %d tokens", MOST_ADDED);
    json_object_foreach(ids, text, id) {
        struct added_token token = {.special = is_named(config, text)};
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) >= VOCABULARY_MOST)
            return refuse_quoted(error, "the id of", text_of(text), "is no whole number that fits");
        token.id = (int32_t)json_integer_value(id);
        if (!added_tokens_add(added, text_of(text), token, NULL, error))
            return false;
    }
    return true;
}

void added_tokens_close(struct added_tokens *added) {
    vocabulary_free(&added->vocabulary);
    free(added->tokens);
    buffer_free(&added->shown);
    free(added->raw.nodes);
    free(added->normalized.nodes);
}

const struct added_token *added_tokens_find(const struct added_tokens *added, int32_t id) {
    const struct vocabulary *vocabulary = &added->vocabulary;
    if (id < 0 || id >= vocabulary->size || vocabulary->by_id[id] == 0)
        return NULL;
    return &added->tokens[vocabulary->by_id[id] - 1];
}

struct text added_tokens_text(const struct added_tokens *added, const struct added_token *token) {
    return (struct text){(const char *)added->shown.data + token->start, token->size};
}

/* ---- finding ---- */

static bool word_beside(struct text text, struct span place) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    size_t size;
    return (place.start > 0 &&
            character_is_word(utf8_code(bytes + utf8_back(bytes, place.start), &size))) ||
           (place.end < text.size && character_is_word(utf8_code(bytes + place.end, &size)));
}

/* The white space that a token takes along; on the left not beyond what is taken already. */
static void take_space(const struct added_token *token, struct text text, size_t floor,
                       struct span *place) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    size_t size;
    while (token->left_strip && place->start > floor) {
        size_t before = utf8_back(bytes, place->start);
        if (!character_is_space(utf8_code(bytes + before, &size)))
            break;
        place->start = before;
    }
    while (token->right_strip && place->end < text.size &&
           character_is_space(utf8_code(bytes + place->end, &size)))
        place->end += size;
}

size_t added_tokens_prefix(const struct added_tokens *added, struct text text) {
    size_t end = 0;
    if (text.size > 0)
        trie_match(&added->normalized, text, 0, &end);
    return end;
}

const struct added_token *added_tokens_next(const struct added_tokens *added, bool normalized,
                                            bool literal, struct text text, size_t *at,
                                            size_t floor, struct span *place) {
    const struct token_trie *trie = normalized ? &added->normalized : &added->raw;
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    while (*at < text.size) {
        if (trie->roots[bytes[*at]] == 0) {
            ++*at;
            continue;
        }
        size_t end = 0;
        int32_t found = trie_match(trie, text, *at, &end);
        if (found < 0) {
            ++*at;
            continue;
        }
        const struct added_token *token = &added->tokens[found];
        *place = (struct span){*at, end};
        *at = end;
        if ((literal && token->special) || (token->single_word && word_beside(text, *place)))
            continue;
        take_space(token, text, floor, place);
        return token;
    }
    return NULL;
}
