/* SentencePiece's normalization, after its normalizer's description and behaviour. */
#include "text/sentencepiece_rules.h"

#include <stdlib.h>
#include <string.h>

#include "text/added_tokens.h"
#include "text/charsmap.h"
#include "text/unicode.h"

#define SPACE_SIGN "\xE2\x96\x81"

void sentencepiece_rules_close(struct sentencepiece_rules *rules) {
    if (rules == NULL)
        return;
    charsmap_close(rules->map);
    if (rules->kept != NULL)
        added_tokens_close(rules->kept);
    free(rules->kept);
    free(rules);
}

/* The next unit of the text: how much of it, and what it becomes. */
static size_t next_unit(const struct sentencepiece_rules *rules, struct text text,
                        struct text *becomes) {
    size_t kept = added_tokens_prefix(rules->kept, text);
    size_t mapped =
        kept == 0 && rules->map != NULL ? charsmap_longest(rules->map, text, becomes) : 0;
    if (mapped > 0)
        return mapped;
    size_t size = kept > 0 ? kept : utf8_step((const uint8_t *)text.bytes);
    *becomes = (struct text){text.bytes, size};
    return size;
}

static void append_space(const struct sentencepiece_rules *rules, struct buffer *out) {
    if (rules->escape)
        buffer_append(out, SPACE_SIGN, 3);
    else
        buffer_append(out, " ", 1);
}

static void append_escaped(const struct sentencepiece_rules *rules, struct text text,
                           struct buffer *out) {
    while (text.size > 0) {
        const char *space = memchr(text.bytes, ' ', text.size);
        size_t before = space != NULL ? (size_t)(space - text.bytes) : text.size;
        buffer_append(out, text.bytes, before);
        if (space == NULL)
            return;
        append_space(rules, out);
        text = (struct text){text.bytes + before + 1, text.size - before - 1};
    }
}

static struct text skip(struct text text, size_t size) {
    return (struct text){text.bytes + size, text.size - size};
}

static void append_units(const struct sentencepiece_rules *rules, struct text text,
                         struct buffer *out) {
    bool after_space = rules->remove_extra;
    struct text becomes;
    while (text.size > 0) {
        text = skip(text, next_unit(rules, text, &becomes));
        while (after_space && becomes.size > 0 && becomes.bytes[0] == ' ')
            becomes = skip(becomes, 1);
        if (becomes.size > 0) {
            append_escaped(rules, becomes, out);
            after_space = rules->remove_extra && becomes.bytes[becomes.size - 1] == ' ';
        }
    }
}

/* Takes spaces from the end of what was appended behind `start`. */
static void trim(const struct sentencepiece_rules *rules, struct buffer *out, size_t start) {
    struct text space = text_of(rules->escape ? SPACE_SIGN : " ");
    while (out->size >= start + space.size &&
           memcmp(out->data + out->size - space.size, space.bytes, space.size) == 0)
        out->size -= space.size;
}

void sentencepiece_normalize(const struct sentencepiece_rules *rules, struct text text,
                             bool at_start, struct buffer *out) {
    size_t start = out->size;
    struct text becomes;
    while (rules->remove_extra && text.size > 0) {
        size_t size = next_unit(rules, text, &becomes);
        if (!text_is(becomes, " "))
            break;
        text = skip(text, size);
    }
    if (text.size == 0)
        return;
    if (rules->dummy_prefix && at_start)
        append_space(rules, out);
    if (rules->map == NULL && rules->kept->count == 0 && !rules->remove_extra)
        append_escaped(rules, text, out);
    else
        append_units(rules, text, out);
    if (rules->remove_extra)
        trim(rules, out, start);
}
