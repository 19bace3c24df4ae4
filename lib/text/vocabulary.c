/* Vocabularies. */
#include "text/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash.h"
#include "text/tokenizer_class.h"

static struct text word_text(const struct vocabulary *vocabulary, size_t place) {
    const struct vocabulary_word *word = &vocabulary->words[place];
    return (struct text){(const char *)vocabulary->bytes.data + word->start, word->size};
}

/* Where the token stands in the table, or the free place where it would. */
static size_t slot_of(const struct vocabulary *vocabulary, struct text token) {
    size_t slot =
        XXH3_64bits_withSeed(token.bytes, token.size, vocabulary->seed) & vocabulary->mask;
    while (vocabulary->table[slot] != 0 &&
           !text_equal(word_text(vocabulary, vocabulary->table[slot] - 1), token))
        slot = (slot + 1) & vocabulary->mask;
    return slot;
}

static void grow_table(struct vocabulary *vocabulary) {
    size_t slots = vocabulary->table ? 2 * (vocabulary->mask + 1) : 64;
    if (vocabulary->table == NULL)
        vocabulary->seed = hash_seed();
    free(vocabulary->table);
    vocabulary->table = allocate(slots, sizeof *vocabulary->table);
    vocabulary->mask = slots - 1;
    for (size_t i = 0; i < vocabulary->count; i++)
        vocabulary->table[slot_of(vocabulary, word_text(vocabulary, i))] = (uint32_t)i + 1;
}

static void grow_ids(struct vocabulary *vocabulary, size_t needed) {
    size_t old = vocabulary->by_id_capacity, capacity = old ? old : 64;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > old) {
        vocabulary->by_id = reallocate(vocabulary->by_id, capacity, sizeof *vocabulary->by_id);
        memset(vocabulary->by_id + old, 0, (capacity - old) * sizeof *vocabulary->by_id);
        vocabulary->by_id_capacity = capacity;
    }
    if ((int64_t)needed > vocabulary->size)
        vocabulary->size = (int64_t)needed;
}

static bool refuse(struct text token, struct error *error, const char *what) {
    struct buffer quoted = {0};
    quote_for_message(token, &quoted);
    error_set(error, "the id of %.*s %s", (int)quoted.size, (const char *)quoted.data, what);
    buffer_free(&quoted);
    return false;
}

bool vocabulary_add(struct vocabulary *vocabulary, struct text token, int64_t id,
                    struct error *error) {
    if (id < 0 || id >= VOCABULARY_MOST)
        return refuse(token, error, "is not from 0 to 4194303");
    if (token.size > UINT32_MAX)
        return refuse(token, error, "belongs to a text of more than 4 GiB");
    if (2 * (vocabulary->count + 1) > vocabulary->mask + 1 || vocabulary->table == NULL)
        grow_table(vocabulary);
    size_t slot = slot_of(vocabulary, token);
    if (vocabulary->table[slot] != 0)
        return vocabulary->words[vocabulary->table[slot] - 1].id == id ||
               refuse(token, error, "comes twice, with another number");
    if (id < vocabulary->size && vocabulary->by_id[id] != 0)
        return refuse(token, error, "is another token's too; each needs its own");
    if (vocabulary->count == vocabulary->capacity) {
        vocabulary->capacity = vocabulary->capacity ? 2 * vocabulary->capacity : 64;
        vocabulary->words =
            reallocate(vocabulary->words, vocabulary->capacity, sizeof *vocabulary->words);
    }
    grow_ids(vocabulary, (size_t)id + 1);
    vocabulary->words[vocabulary->count] = (struct vocabulary_word){
        .start = vocabulary->bytes.size, .size = (uint32_t)token.size, .id = (int32_t)id};
    buffer_append(&vocabulary->bytes, token.bytes, token.size);
    vocabulary->count++;
    vocabulary->table[slot] = (uint32_t)vocabulary->count;
    vocabulary->by_id[id] = (uint32_t)vocabulary->count;
    return true;
}

bool vocabulary_add_json(struct vocabulary *vocabulary, json_t *object, struct error *error) {
    if (!json_is_object(object) || json_object_size(object) == 0)
        return error_set(error, "must be an object of tokens with their ids");
    const char *token;
    size_t size;
    json_t *id;
    json_object_keylen_foreach(object, token, size, id) {
        struct text text = {token, size};
        if (!json_is_integer(id))
            return refuse(text, error, "is no whole number");
        if (!vocabulary_add(vocabulary, text, json_integer_value(id), error))
            return false;
    }
    return true;
}

void vocabulary_free(struct vocabulary *vocabulary) {
    buffer_free(&vocabulary->bytes);
    free(vocabulary->words);
    free(vocabulary->table);
    free(vocabulary->by_id);
    *vocabulary = (struct vocabulary){0};
}

int32_t vocabulary_id(const struct vocabulary *vocabulary, struct text token) {
    if (vocabulary->count == 0)
        return -1;
    uint32_t place = vocabulary->table[slot_of(vocabulary, token)];
    return place != 0 ? vocabulary->words[place - 1].id : -1;
}

struct text vocabulary_token(const struct vocabulary *vocabulary, int32_t id) {
    uint32_t place = vocabulary->by_id[id];
    return place != 0 ? word_text(vocabulary, place - 1) : (struct text){NULL, 0};
}
