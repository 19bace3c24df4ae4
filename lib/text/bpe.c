/*
 * Byte-pair encoding (Sennrich et al., "Neural machine translation of rare words with subword
 * units", ACL 2016): a word starts as its characters (or bytes); of all neighbouring pairs that a
 * merge joins, the one of the lowest rank is joined, the leftmost of equals, until none is left.
 *
 * Merges lie in an open-addressed table by the pair of ids. Short words are merged in a plain array
 * by looking for the lowest rank each time; long ones with a heap over a linked list, in
 * O(n log n).
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "text/token_model.h"
#include "text/tokenizer_class.h"
#include "text/unicode.h"

#define SHORT_WORD 48
#define MOST_MERGES (1 << 24)
#define NO_RANK UINT32_MAX

struct merge {
    int32_t left, right; /* left −1: a free place */
    uint32_t rank;
    int32_t result;
};

struct bpe {
    struct token_model model;
    bool byte_level, byte_fallback, fuse_unknown, ignore_merges;
    bool scored;              /* made by bpe_open_scored() */
    int32_t unknown;          /* −1: unknown characters are dropped */
    const char *unknown_name; /* while opening */
    char *prefix, *suffix;    /* of all characters but the first; of the last */
    int32_t ascii[128];       /* ids of the characters, −1: none */
    int32_t bytes[256];       /* byte-level: of the bytes' characters; byte fallback: "<0xNN>" */
    struct vocabulary parts;  /* SentencePiece: characters that only stand inside pieces */
    struct merge *merges;     /* [mask + 1] */
    size_t mask, merge_count;
    uint64_t seed; /* of the table of merges */
    struct word_cuts cuts;
};

/* ---- the table of merges ---- */

static inline size_t merge_slot(const struct bpe *bpe, int32_t left, int32_t right) {
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t slot = hash_number(bpe->seed, key) & bpe->mask;
    while (bpe->merges[slot].left >= 0 &&
           (bpe->merges[slot].left != left || bpe->merges[slot].right != right))
        slot = (slot + 1) & bpe->mask;
    return slot;
}

/* The merge of a pair; its `left` is −1 where there is none. */
static inline const struct merge *merge_of(const struct bpe *bpe, int32_t left, int32_t right) {
    return &bpe->merges[merge_slot(bpe, left, right)];
}

static void open_table(struct bpe *bpe, size_t slots) {
    struct merge *old = bpe->merges;
    size_t old_slots = old ? bpe->mask + 1 : 0;
    bpe->merges = allocate(slots, sizeof *bpe->merges);
    bpe->mask = slots - 1;
    for (size_t i = 0; i < slots; i++)
        bpe->merges[i].left = -1;
    for (size_t i = 0; i < old_slots; i++)
        if (old[i].left >= 0)
            bpe->merges[merge_slot(bpe, old[i].left, old[i].right)] = old[i];
    free(old);
}

/* A pair that comes twice has its later rank, as in the reference. */
static void add_merge(struct bpe *bpe, struct merge merge) {
    if (2 * (bpe->merge_count + 1) > bpe->mask + 1)
        open_table(bpe, 2 * (bpe->mask + 1));
    struct merge *place = &bpe->merges[merge_slot(bpe, merge.left, merge.right)];
    bpe->merge_count += place->left < 0;
    *place = merge;
}

/* ---- opening from tokenizer.json ---- */

static void bpe_close(struct token_model *model) {
    struct bpe *bpe = (struct bpe *)model;
    free(bpe->prefix);
    free(bpe->suffix);
    vocabulary_free(&bpe->parts);
    free(bpe->merges);
    free(bpe);
}

/* Both sides of a merge: "a b", or ["a", "b"]. */
static bool read_pair(const json_t *entry, struct text *left, struct text *right) {
    const json_t *a = json_array_get(entry, 0), *b = json_array_get(entry, 1);
    if (json_is_string(a) && json_is_string(b) && json_array_size(entry) == 2) {
        *left = (struct text){json_string_value(a), json_string_length(a)};
        *right = (struct text){json_string_value(b), json_string_length(b)};
        return true;
    }
    if (!json_is_string(entry))
        return false;
    const char *text = json_string_value(entry);
    size_t size = json_string_length(entry);
    const char *space = memchr(text, ' ', size);
    if (space == NULL || memchr(space + 1, ' ', size - (size_t)(space + 1 - text)) != NULL)
        return false;
    *left = (struct text){text, (size_t)(space - text)};
    *right = (struct text){space + 1, size - left->size - 1};
    return true;
}

static bool read_merge(struct bpe *bpe, const json_t *entry, size_t rank, struct buffer *joined,
                       struct error *error) {
    const struct vocabulary *vocabulary = bpe->model.vocabulary;
    struct text left, right;
    if (!read_pair(entry, &left, &right))
        return error_set(error, "merges[%zu] is neither \"left right\" nor a pair of texts", rank);
    size_t prefix = bpe->prefix ? strlen(bpe->prefix) : 0;
    joined->size = 0;
    buffer_append(joined, left.bytes, left.size);
    if (right.size > prefix)
        buffer_append(joined, right.bytes + prefix, right.size - prefix);
    struct text whole = {(const char *)joined->data, joined->size};
    const struct text sides[] = {left, right, whole};
    int32_t ids[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = vocabulary_id(vocabulary, sides[i]);
        if (ids[i] < 0) {
            refuse_quoted(error, "makes or needs the token", sides[i],
                          "which the vocabulary does not have");
            return error_place(error, "merges[%zu]", rank);
        }
    }
    add_merge(bpe, (struct merge){ids[0], ids[1], (uint32_t)rank, ids[2]});
    word_cuts_join(&bpe->cuts, whole);
    return true;
}

static bool read_merges(struct bpe *bpe, const json_t *merges, struct error *error) {
    struct buffer joined = {0};
    bool fine = true;
    if (!json_is_array(merges) || json_array_size(merges) > MOST_MERGES)
        return error_set(error, "merges must be an array of at most %d pairs", MOST_MERGES);
    for (size_t i = 0; fine && i < json_array_size(merges); i++)
        fine = read_merge(bpe, json_array_get(merges, i), i, &joined, error);
    buffer_free(&joined);
    return fine;
}

static bool read_settings(struct bpe *bpe, const json_t *section, struct error *error) {
    const char *prefix, *suffix;
    double dropout;
    if (!json_get_text(section, "unk_token", false, NULL, &bpe->unknown_name, error) ||
        !json_get_text(section, "continuing_subword_prefix", false, NULL, &prefix, error) ||
        !json_get_text(section, "end_of_word_suffix", false, NULL, &suffix, error) ||
        !json_get_boolean(section, "fuse_unk", false, false, &bpe->fuse_unknown, error) ||
        !json_get_boolean(section, "byte_fallback", false, false, &bpe->byte_fallback, error) ||
        !json_get_boolean(section, "ignore_merges", false, false, &bpe->ignore_merges, error) ||
        !json_get_real(section, "dropout", false, 0, &dropout, error))
        return false;
    if (dropout > 0)
        return error_set(error, "dropout is %g; encoding that repeats needs null there", dropout);
    if (bpe->unknown_name != NULL)
        bpe->unknown = vocabulary_id(bpe->model.vocabulary, text_of(bpe->unknown_name));
    if (bpe->unknown_name != NULL && bpe->unknown < 0)
        return error_set(error, "unk_token is not in the vocabulary");
    bpe->prefix = prefix != NULL && *prefix ? copy_text(prefix) : NULL;
    bpe->suffix = suffix != NULL && *suffix ? copy_text(suffix) : NULL;
    if (bpe->byte_level && (bpe->prefix != NULL || bpe->suffix != NULL))
        return error_set(error, "continuing_subword_prefix and end_of_word_suffix are not "
                                "supported behind a ByteLevel pre_tokenizer");
    return true;
}

/* The ids of characters that are looked up often. */
static void find_characters(struct bpe *bpe) {
    const struct vocabulary *vocabulary = bpe->model.vocabulary;
    struct buffer name = {0};
    for (unsigned i = 0; i < 128; i++) {
        char character = (char)i;
        bpe->ascii[i] = vocabulary_id(vocabulary, (struct text){&character, 1});
    }
    for (unsigned i = 0; i < 256; i++) {
        name.size = 0;
        utf8_append(&name, byte_level_character(i));
        bpe->bytes[i] = bpe->byte_level
                            ? vocabulary_id(vocabulary, (struct text){(char *)name.data, name.size})
                        : bpe->byte_fallback ? byte_token_id(vocabulary, i)
                                             : -1;
    }
    buffer_free(&name);
}

/* Cuts are right where nothing but merges reaches across a border: no affixes, no whole words from
 * the vocabulary, no runs of unknown characters that become one token. */
static void decide_cuts(struct bpe *bpe) {
    bool all_bytes = true;
    for (unsigned i = 0; i < 256; i++)
        all_bytes = all_bytes && bpe->bytes[i] >= 0;
    bool unknown_apart = bpe->byte_fallback ? all_bytes : !bpe->fuse_unknown;
    if (!bpe->byte_level && !bpe->ignore_merges && bpe->prefix == NULL && bpe->suffix == NULL &&
        unknown_apart)
        bpe->model.cuts = &bpe->cuts;
}

static bool bpe_encode(const struct token_model *model, struct model_scratch *scratch,
                       struct text word, struct token_list *out, struct error *error);

static struct bpe *bpe_new(const struct vocabulary *vocabulary) {
    struct bpe *bpe = allocate(1, sizeof *bpe);
    bpe->seed = hash_seed();
    bpe->model.close = bpe_close;
    bpe->model.encode = bpe_encode;
    bpe->model.vocabulary = vocabulary;
    bpe->unknown = -1;
    open_table(bpe, 64);
    return bpe;
}

struct token_model *bpe_open(const json_t *section, const struct vocabulary *vocabulary,
                             bool byte_level, struct error *error) {
    struct bpe *bpe = bpe_new(vocabulary);
    bpe->byte_level = byte_level;
    if (!read_settings(bpe, section, error) ||
        !read_merges(bpe, json_object_get(section, "merges"), error)) {
        bpe_close(&bpe->model);
        return NULL;
    }
    find_characters(bpe);
    decide_cuts(bpe);
    return &bpe->model;
}

/* ---- opening from pieces with scores ---- */

static int by_score(const void *a, const void *b) {
    const struct scored_piece *const *left = a, *const *right = b;
    if ((*left)->score != (*right)->score)
        return (*left)->score > (*right)->score ? -1 : 1;
    return (*left)->id < (*right)->id ? -1 : (*left)->id > (*right)->id;
}

/* The symbol of a text: a piece, or a character that only stands inside of pieces. */
static int32_t symbol_of(const struct bpe *bpe, const struct vocabulary *pieces, struct text text) {
    int32_t id = vocabulary_id(pieces, text);
    return id >= 0 ? id : vocabulary_id(&bpe->parts, text);
}

/* Every way to make the piece of two symbols. */
static void add_splits(struct bpe *bpe, const struct vocabulary *pieces,
                       const struct scored_piece *piece, uint32_t rank) {
    const uint8_t *bytes = (const uint8_t *)piece->text.bytes;
    for (size_t cut = utf8_step(bytes); cut < piece->text.size; cut += utf8_step(bytes + cut)) {
        struct text left = {piece->text.bytes, cut};
        struct text right = {piece->text.bytes + cut, piece->text.size - cut};
        int32_t a = symbol_of(bpe, pieces, left), b = symbol_of(bpe, pieces, right);
        if (a >= 0 && b >= 0)
            add_merge(bpe, (struct merge){a, b, rank, piece->id});
    }
    word_cuts_join(&bpe->cuts, piece->text);
}

/* Characters of pieces that are no pieces themselves get ids behind the vocabulary. */
static bool add_parts(struct bpe *bpe, const struct vocabulary *pieces,
                      const struct scored_piece *piece, struct error *error) {
    const uint8_t *bytes = (const uint8_t *)piece->text.bytes;
    for (size_t i = 0, size; i < piece->text.size; i += size) {
        size = utf8_step(bytes + i);
        struct text character = {piece->text.bytes + i, size};
        int64_t id = bpe->model.vocabulary->size + (int64_t)bpe->parts.count;
        if (symbol_of(bpe, pieces, character) < 0 &&
            !vocabulary_add(&bpe->parts, character, id, error))
            return false;
    }
    return true;
}

/* Fills the table from the pieces in the order of their scores; equal scores have one rank. */
static bool rank_pieces(struct bpe *bpe, const struct vocabulary *pieces,
                        const struct scored_piece **order, size_t count, struct error *error) {
    for (size_t i = 0; i < count; i++)
        if (!add_parts(bpe, pieces, order[i], error))
            return false;
    uint32_t rank = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && order[i]->score != order[i - 1]->score)
            rank++;
        add_splits(bpe, pieces, order[i], rank);
    }
    return true;
}

struct token_model *bpe_open_scored(const struct scored_piece *pieces, size_t count,
                                    const struct vocabulary *vocabulary, const int32_t *bytes,
                                    int32_t unknown, struct error *error) {
    struct bpe *bpe = bpe_new(vocabulary);
    struct vocabulary known = {0};
    const struct scored_piece **order = allocate(count, sizeof *order);
    bool fine = true;
    bpe->scored = true;
    bpe->byte_fallback = bytes != NULL;
    bpe->fuse_unknown = true;
    bpe->unknown = unknown;
    for (size_t i = 0; fine && i < count; i++) {
        order[i] = &pieces[i];
        fine = vocabulary_add(&known, pieces[i].text, pieces[i].id, error);
    }
    qsort(order, count, sizeof *order, by_score);
    fine = fine && rank_pieces(bpe, &known, order, count, error);
    for (unsigned i = 0; i < 256; i++)
        bpe->bytes[i] = bytes != NULL ? bytes[i] : -1;
    for (unsigned i = 0; i < 128; i++) {
        char character = (char)i;
        bpe->ascii[i] = symbol_of(bpe, &known, (struct text){&character, 1});
    }
    decide_cuts(bpe);
    free(order);
    vocabulary_free(&known);
    if (fine)
        return &bpe->model;
    bpe_close(&bpe->model);
    return NULL;
}

/* ---- a word's symbols ---- */

/* Ids one behind the other in scratch->symbols. */
struct symbols {
    int32_t *ids;
    size_t count;
    bool unknown_waits; /* an unknown token that may still be fused with the next */
};

static void add_symbol(struct symbols *symbols, int32_t id) {
    symbols->ids[symbols->count++] = id;
}

static int32_t character_id(const struct bpe *bpe, struct text character) {
    if (character.size == 1 && (uint8_t)character.bytes[0] < 0x80)
        return bpe->ascii[(uint8_t)character.bytes[0]];
    int32_t id = vocabulary_id(bpe->model.vocabulary, character);
    return id >= 0 ? id : vocabulary_id(&bpe->parts, character);
}

/* The character with the affixes that its place in the word asks for. */
static int32_t affixed_id(const struct bpe *bpe, struct model_scratch *scratch,
                          struct text character, bool first, bool last, struct text *name) {
    struct buffer *text = &scratch->text;
    text->size = 0;
    if (!first && bpe->prefix != NULL)
        buffer_append_text(text, bpe->prefix);
    buffer_append(text, character.bytes, character.size);
    if (last && bpe->suffix != NULL)
        buffer_append_text(text, bpe->suffix);
    *name = (struct text){(const char *)text->data, text->size};
    return character_id(bpe, *name);
}

static bool add_bytes(const struct bpe *bpe, struct symbols *symbols, struct text text) {
    for (size_t i = 0; i < text.size; i++)
        if (bpe->bytes[(uint8_t)text.bytes[i]] < 0)
            return false;
    for (size_t i = 0; i < text.size; i++)
        add_symbol(symbols, bpe->bytes[(uint8_t)text.bytes[i]]);
    return true;
}

static void add_unknown(const struct bpe *bpe, struct symbols *symbols) {
    if (bpe->unknown < 0)
        return;
    if (symbols->unknown_waits && !bpe->fuse_unknown)
        add_symbol(symbols, bpe->unknown);
    symbols->unknown_waits = true;
}

static void add_known(const struct bpe *bpe, struct symbols *symbols, int32_t id) {
    if (symbols->unknown_waits)
        add_symbol(symbols, bpe->unknown);
    symbols->unknown_waits = false;
    add_symbol(symbols, id);
}

static void add_byte_characters(const struct bpe *bpe, struct symbols *symbols, struct text word) {
    for (size_t i = 0; i < word.size; i++) {
        int32_t id = bpe->bytes[(uint8_t)word.bytes[i]];
        if (id >= 0)
            add_known(bpe, symbols, id);
        else
            add_unknown(bpe, symbols);
    }
}

static void add_characters(const struct bpe *bpe, struct model_scratch *scratch,
                           struct symbols *symbols, struct text word) {
    const uint8_t *bytes = (const uint8_t *)word.bytes;
    bool affixes = bpe->prefix != NULL || bpe->suffix != NULL;
    for (size_t i = 0, size; i < word.size; i += size) {
        size = utf8_step(bytes + i);
        struct text name = {word.bytes + i, size};
        int32_t id = affixes ? affixed_id(bpe, scratch, name, i == 0, i + size == word.size, &name)
                             : character_id(bpe, name);
        if (id >= 0)
            add_known(bpe, symbols, id);
        else if (!bpe->byte_fallback || !add_bytes(bpe, symbols, name))
            add_unknown(bpe, symbols);
    }
}

static struct symbols word_symbols(const struct bpe *bpe, struct model_scratch *scratch,
                                   struct text word) {
    size_t affix = bpe->byte_fallback ? (bpe->prefix ? strlen(bpe->prefix) : 0) : 0;
    affix += bpe->byte_fallback && bpe->suffix ? strlen(bpe->suffix) : 0;
    scratch->symbols.size = 0;
    /* At most one symbol a byte of the character with its affixes, and one that waits. */
    size_t most = word.size * (1 + affix) + 2;
    struct symbols symbols = {
        .ids = (int32_t *)buffer_reserve(&scratch->symbols, most * sizeof(int32_t))};
    if (bpe->byte_level)
        add_byte_characters(bpe, &symbols, word);
    else
        add_characters(bpe, scratch, &symbols, word);
    if (symbols.unknown_waits)
        add_symbol(&symbols, bpe->unknown);
    return symbols;
}

/* ---- merging ---- */

/* At most SHORT_WORD symbols. */
static size_t merge_short(const struct bpe *bpe, int32_t *ids, size_t count) {
    uint32_t ranks[SHORT_WORD];
    int32_t results[SHORT_WORD];
    for (size_t i = 0; i + 1 < count; i++) {
        const struct merge *merge = merge_of(bpe, ids[i], ids[i + 1]);
        ranks[i] = merge->left >= 0 ? merge->rank : NO_RANK;
        results[i] = merge->result;
    }
    while (count > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < count; i++)
            if (ranks[i] < ranks[best])
                best = i;
        if (ranks[best] == NO_RANK)
            break;
        ids[best] = results[best];
        count--;
        for (size_t i = best + 1; i < count; i++) {
            ids[i] = ids[i + 1];
            ranks[i - 1] = ranks[i];
            results[i - 1] = results[i];
        }
        for (size_t i = best > 0 ? best - 1 : 0; i <= best && i + 1 < count; i++) {
            const struct merge *merge = merge_of(bpe, ids[i], ids[i + 1]);
            ranks[i] = merge->left >= 0 ? merge->rank : NO_RANK;
            results[i] = merge->result;
        }
    }
    return count;
}

/* A pair that may be merged; stale when the symbols at its place have changed. */
struct pair {
    uint32_t rank;
    int32_t left, right, result; /* ids */
    size_t place;
};

struct link {
    int32_t id; /* −1: merged into another */
    size_t before, after;
};

#define NO_LINK SIZE_MAX

static bool earlier(const struct pair *a, const struct pair *b) {
    return a->rank != b->rank ? a->rank < b->rank : a->place < b->place;
}

static void heap_push(struct buffer *heap, struct pair pair) {
    buffer_append(heap, &pair, sizeof pair);
    struct pair *pairs = (struct pair *)heap->data;
    size_t i = heap->size / sizeof pair - 1;
    while (i > 0 && earlier(&pair, &pairs[(i - 1) / 2])) {
        pairs[i] = pairs[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    pairs[i] = pair;
}

static struct pair heap_pop(struct buffer *heap) {
    struct pair *pairs = (struct pair *)heap->data;
    struct pair top = pairs[0];
    heap->size -= sizeof top;
    size_t count = heap->size / sizeof top, i = 0;
    struct pair last = pairs[count];
    for (size_t child = 1; child < count; child = 2 * i + 1) {
        child += child + 1 < count && earlier(&pairs[child + 1], &pairs[child]);
        if (!earlier(&pairs[child], &last))
            break;
        pairs[i] = pairs[child];
        i = child;
    }
    pairs[i] = last;
    return top;
}

static void push_pair(const struct bpe *bpe, struct buffer *heap, const struct link *links,
                      size_t place) {
    if (place == NO_LINK || links[place].after == NO_LINK)
        return;
    int32_t left = links[place].id, right = links[links[place].after].id;
    const struct merge *merge = merge_of(bpe, left, right);
    if (merge->left >= 0)
        heap_push(heap, (struct pair){merge->rank, left, right, merge->result, place});
}

static void merge_links(const struct bpe *bpe, struct buffer *heap, struct link *links) {
    while (heap->size > 0) {
        struct pair pair = heap_pop(heap);
        struct link *link = &links[pair.place];
        if (link->id != pair.left || link->after == NO_LINK || links[link->after].id != pair.right)
            continue;
        struct link *gone = &links[link->after];
        link->id = pair.result;
        link->after = gone->after;
        gone->id = -1;
        if (link->after != NO_LINK)
            links[link->after].before = pair.place;
        push_pair(bpe, heap, links, link->before);
        push_pair(bpe, heap, links, pair.place);
    }
}

static size_t merge_long(const struct bpe *bpe, struct model_scratch *scratch, int32_t *ids,
                         size_t count) {
    struct buffer *heap = &scratch->pairs, *list = &scratch->text;
    list->size = 0;
    heap->size = 0;
    struct link *links = (struct link *)buffer_reserve(list, count * sizeof *links);
    for (size_t i = 0; i < count; i++)
        links[i] = (struct link){ids[i], i > 0 ? i - 1 : NO_LINK, i + 1 < count ? i + 1 : NO_LINK};
    for (size_t i = 0; i < count; i++)
        push_pair(bpe, heap, links, i);
    merge_links(bpe, heap, links);
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        if (links[i].id >= 0)
            ids[left++] = links[i].id;
    return left;
}

/* ---- encoding ---- */

/* SentencePiece's end: characters that only stand inside of pieces become their bytes or unknown,
 * and neighbouring unknown tokens one. */
static void add_scored(const struct bpe *bpe, const struct symbols *symbols, size_t count,
                       struct token_list *out) {
    bool after_unknown = false;
    for (size_t i = 0; i < count; i++) {
        int32_t id = symbols->ids[i];
        bool part = id >= bpe->model.vocabulary->size;
        struct text text = part ? vocabulary_token(&bpe->parts, id) : (struct text){0};
        if (part && !bpe->byte_fallback)
            id = bpe->unknown;
        for (size_t k = 0; part && bpe->byte_fallback && k < text.size; k++)
            token_list_add(out, bpe->bytes[(uint8_t)text.bytes[k]]);
        if ((!part || !bpe->byte_fallback) && !(id == bpe->unknown && after_unknown))
            token_list_add(out, id);
        after_unknown = id == bpe->unknown;
    }
}

/* The word itself where the vocabulary has it. */
static int32_t whole_word(const struct bpe *bpe, struct model_scratch *scratch, struct text word) {
    if (!bpe->byte_level)
        return vocabulary_id(bpe->model.vocabulary, word);
    scratch->text.size = 0;
    for (size_t i = 0; i < word.size; i++)
        utf8_append(&scratch->text, byte_level_character((uint8_t)word.bytes[i]));
    return vocabulary_id(bpe->model.vocabulary,
                         (struct text){(const char *)scratch->text.data, scratch->text.size});
}

static bool bpe_encode(const struct token_model *model, struct model_scratch *scratch,
                       struct text word, struct token_list *out, struct error *error) {
    const struct bpe *bpe = (const struct bpe *)model;
    (void)error; /* every text has tokens, or none */
    int32_t whole = bpe->ignore_merges ? whole_word(bpe, scratch, word) : -1;
    if (whole >= 0) {
        token_list_add(out, whole);
        return true;
    }
    struct symbols symbols = word_symbols(bpe, scratch, word);
    size_t count = symbols.count <= SHORT_WORD
                       ? merge_short(bpe, symbols.ids, symbols.count)
                       : merge_long(bpe, scratch, symbols.ids, symbols.count);
    if (bpe->scored) {
        add_scored(bpe, &symbols, count, out);
        return true;
    }
    for (size_t i = 0; i < count; i++)
        token_list_add(out, symbols.ids[i]);
    return true;
}
