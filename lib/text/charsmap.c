/*
 * Precompiled character maps: 4 bytes size of the trie, the trie's units of 4 bytes each, and
 * replacement strings that end with a zero byte. A unit holds a label (or a value, for leaves), the
 * distance to its children and whether one of them is a leaf.
 */
#include "text/charsmap.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/unicode.h"

#define MOST_REPLACEMENT 256
#define MOST_MATCH 256

struct charsmap {
    struct buffer strings; /* ends with a zero byte */
    uint32_t *units;
    size_t count;
};

static uint32_t unit_at(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static bool strings_are_short(const struct buffer *strings) {
    for (size_t i = 0; i < strings->size; i += strlen((const char *)strings->data + i) + 1)
        if (strlen((const char *)strings->data + i) > MOST_REPLACEMENT)
            return false;
    return true;
}

struct charsmap *charsmap_open(struct text bytes, struct error *error) {
    const uint8_t *data = (const uint8_t *)bytes.bytes;
    size_t trie = bytes.size >= 4 ? unit_at(data) : 0;
    if (trie < 4 || trie % 4 != 0 || trie > bytes.size - 4) {
        error_set(error, "precompiled_charsmap is %zu bytes with a trie of %zu; it is damaged",
                  bytes.size, trie);
        return NULL;
    }
    struct charsmap *map = allocate(1, sizeof *map);
    map->count = trie / 4;
    map->units = allocate(map->count, sizeof *map->units);
    for (size_t i = 0; i < map->count; i++)
        map->units[i] = unit_at(data + 4 + 4 * i);
    buffer_append(&map->strings, data + 4 + trie, bytes.size - 4 - trie);
    buffer_append(&map->strings, "", 1);
    if (strings_are_short(&map->strings))
        return map;
    error_set(error, "precompiled_charsmap has a replacement of more than %d bytes",
              MOST_REPLACEMENT);
    charsmap_close(map);
    return NULL;
}

void charsmap_close(struct charsmap *map) {
    if (map == NULL)
        return;
    buffer_free(&map->strings);
    free(map->units);
    free(map);
}

static size_t children_of(uint32_t unit) {
    return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

/* The first or the longest prefix of the text in the map. A damaged map may lead round in circles,
 * so that no more than MOST_MATCH bytes are looked at. */
static size_t find_prefix(const struct charsmap *map, struct text text, bool longest,
                          struct text *replacement) {
    size_t node = children_of(map->units[0]), found = 0, value = 0;
    for (size_t i = 0; i < text.size && i < MOST_MATCH; i++) {
        uint8_t label = (uint8_t)text.bytes[i];
        node ^= label;
        if (node >= map->count || (map->units[node] & (1u << 31 | 0xFF)) != label)
            break;
        uint32_t unit = map->units[node];
        node ^= children_of(unit);
        if (!(unit >> 8 & 1))
            continue;
        if (node >= map->count)
            break;
        if (i + 1 < text.size && ((uint8_t)text.bytes[i + 1] & 0xC0) == 0x80)
            continue; /* half a character; only a damaged map has this */
        found = i + 1;
        value = map->units[node] & 0x7FFFFFFF;
        if (!longest)
            break;
    }
    if (found == 0 || value >= map->strings.size)
        return 0;
    *replacement = text_of((const char *)map->strings.data + value);
    return utf8_is_clean(*replacement) ? found : 0;
}

size_t charsmap_longest(const struct charsmap *map, struct text text, struct text *replacement) {
    return find_prefix(map, text, true, replacement);
}

static bool append_mapped(const struct charsmap *map, struct text part, struct buffer *out) {
    struct text replacement;
    if (find_prefix(map, part, false, &replacement) == 0)
        return false;
    buffer_append(out, replacement.bytes, replacement.size);
    return true;
}

/* Size of the grapheme cluster that the text begins with. */
static size_t cluster_size(struct text text) {
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    int32_t state = 0;
    size_t size, next;
    int32_t code = utf8_code(bytes, &size);
    while (size < text.size) {
        int32_t following = utf8_code(bytes + size, &next);
        if (utf8proc_grapheme_break_stateful(code, following, &state))
            break;
        code = following;
        size += next;
    }
    return size;
}

void charsmap_append(const struct charsmap *map, struct text text, struct buffer *out) {
    while (text.size > 0) {
        size_t cluster = cluster_size(text);
        if (cluster >= 6 || !append_mapped(map, (struct text){text.bytes, cluster}, out)) {
            for (size_t i = 0, size; i < cluster; i += size) {
                size = utf8_step((const uint8_t *)text.bytes + i);
                struct text character = {text.bytes + i, size};
                if (!append_mapped(map, character, out))
                    buffer_append(out, character.bytes, size);
            }
        }
        text = (struct text){text.bytes + cluster, text.size - cluster};
    }
}

/* ---- base64 ---- */

static int digit_of(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

bool charsmap_decode_base64(struct text coded, struct buffer *out) {
    if (coded.size % 4 != 0)
        return false;
    for (size_t i = 0; i < coded.size; i += 4) {
        uint32_t bits = 0;
        unsigned padding = 0;
        for (size_t k = 0; k < 4; k++) {
            char c = coded.bytes[i + k];
            bool pad = c == '=' && k >= 2 && i + 4 == coded.size;
            int digit = pad ? 0 : digit_of(c);
            if (digit < 0 || (padding > 0 && !pad))
                return false;
            padding += pad;
            bits = bits << 6 | (uint32_t)digit;
        }
        uint8_t bytes[] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
        buffer_append(out, bytes, 3 - padding);
    }
    return true;
}
