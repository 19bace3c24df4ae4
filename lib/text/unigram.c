/*
 * Unigram language models (Kudo, "Subword regularization", ACL 2018): of all ways to cut a word
 * into pieces, the one with the highest sum of scores, by dynamic programming over the ends of
 * pieces. A character that no piece of its own covers costs 10 more than the worst piece; such
 * characters in a row become one unknown token, or their bytes.
 *
 * The tokenizers library adds scores in double precision, SentencePiece in single: sums that
 * differ in the last place decide between equally good ways, so each is done as its origin does.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "text/token_model.h"
#include "text/tokenizer_class.h"
#include "text/unicode.h"

#define LONGEST_PIECE 1024
#define UNKNOWN_PENALTY 10

/* A trie whose edges lie in an open-addressed table by node and byte. */
struct edge {
    uint32_t from, to; /* to 0: a free place */
    uint8_t byte;
};

struct unigram {
    struct token_model model;
    struct edge *edges; /* [mask + 1] */
    size_t mask, edge_count;
    uint64_t seed;       /* of the table of edges */
    int32_t *pieces;     /* [nodes]: the piece that ends at a node, −1: none */
    uint32_t node_count; /* 0 is the root */
    size_t node_capacity;
    double *scores; /* [vocabulary size] */
    double unknown_score;
    int32_t unknown; /* −1: an unknown character is an error */
    int32_t bytes[256];
    bool byte_fallback, single;
};

/* ---- the trie ---- */

static size_t edge_slot(const struct unigram *unigram, uint32_t from, uint8_t byte) {
    size_t slot = hash_number(unigram->seed, (uint64_t)from << 8 | byte) & unigram->mask;
    while (unigram->edges[slot].to != 0 &&
           (unigram->edges[slot].from != from || unigram->edges[slot].byte != byte))
        slot = (slot + 1) & unigram->mask;
    return slot;
}

static void grow_edges(struct unigram *unigram) {
    struct edge *old = unigram->edges;
    size_t slots = old ? unigram->mask + 1 : 0;
    unigram->mask = old ? 2 * slots - 1 : 255;
    unigram->edges = allocate(unigram->mask + 1, sizeof *unigram->edges);
    for (size_t i = 0; i < slots; i++)
        if (old[i].to != 0)
            unigram->edges[edge_slot(unigram, old[i].from, old[i].byte)] = old[i];
    free(old);
}

static uint32_t new_node(struct unigram *unigram) {
    if (unigram->node_count == unigram->node_capacity) {
        unigram->node_capacity = unigram->node_capacity ? 2 * unigram->node_capacity : 256;
        unigram->pieces =
            reallocate(unigram->pieces, unigram->node_capacity, sizeof *unigram->pieces);
    }
    unigram->pieces[unigram->node_count] = -1;
    return unigram->node_count++;
}

static void add_piece(struct unigram *unigram, const struct scored_piece *piece) {
    uint32_t node = 0;
    for (size_t i = 0; i < piece->text.size; i++) {
        uint8_t byte = (uint8_t)piece->text.bytes[i];
        if (2 * (unigram->edge_count + 1) > unigram->mask + 1)
            grow_edges(unigram);
        size_t slot = edge_slot(unigram, node, byte);
        if (unigram->edges[slot].to == 0) {
            unigram->edges[slot] = (struct edge){node, new_node(unigram), byte};
            unigram->edge_count++;
        }
        node = unigram->edges[slot].to;
    }
    unigram->pieces[node] = piece->id;
}

/* ---- opening ---- */

static void unigram_close(struct token_model *model) {
    struct unigram *unigram = (struct unigram *)model;
    free(unigram->edges);
    free(unigram->pieces);
    free(unigram->scores);
    free(unigram);
}

static bool unigram_encode(const struct token_model *model, struct model_scratch *scratch,
                           struct text word, struct token_list *out, struct error *error);

static struct unigram *unigram_new(const struct vocabulary *vocabulary) {
    struct unigram *unigram = allocate(1, sizeof *unigram);
    unigram->seed = hash_seed();
    unigram->model.close = unigram_close;
    unigram->model.encode = unigram_encode;
    unigram->model.vocabulary = vocabulary;
    unigram->scores = allocate((size_t)vocabulary->size, sizeof *unigram->scores);
    new_node(unigram);
    grow_edges(unigram);
    return unigram;
}

static bool check_piece(const struct scored_piece *piece, struct error *error) {
    if (piece->text.size > LONGEST_PIECE)
        return refuse_quoted(error, "the piece", piece->text, "has more than 1024 bytes");
    return true;
}

struct token_model *unigram_open_scored(const struct scored_piece *pieces, size_t count,
                                        const struct vocabulary *vocabulary, const int32_t *bytes,
                                        int32_t unknown, bool single_precision,
                                        struct error *error) {
    struct unigram *unigram = unigram_new(vocabulary);
    double worst = INFINITY;
    bool fine = true;
    unigram->unknown = unknown;
    unigram->single = single_precision;
    unigram->byte_fallback = bytes != NULL;
    if (bytes != NULL)
        memcpy(unigram->bytes, bytes, sizeof unigram->bytes);
    for (size_t i = 0; fine && i < count; i++) {
        fine = check_piece(&pieces[i], error);
        unigram->scores[pieces[i].id] = pieces[i].score;
        worst = pieces[i].score < worst && !pieces[i].user_defined ? pieces[i].score : worst;
        if (fine)
            add_piece(unigram, &pieces[i]);
    }
    unigram->unknown_score = (float)(worst - UNKNOWN_PENALTY);
    if (fine)
        return &unigram->model;
    unigram_close(&unigram->model);
    return NULL;
}

static bool read_settings(struct unigram *unigram, const json_t *section, struct error *error) {
    int64_t unknown;
    if (!json_get_integer(section, "unk_id", false, -1, 0, unigram->model.vocabulary->size - 1,
                          &unknown, error) ||
        !json_get_boolean(section, "byte_fallback", false, false, &unigram->byte_fallback, error))
        return false;
    unigram->unknown = (int32_t)unknown;
    bool all = true;
    for (unsigned i = 0; i < 256; i++) {
        unigram->bytes[i] = byte_token_id(unigram->model.vocabulary, i);
        all = all && unigram->bytes[i] >= 0;
    }
    return !unigram->byte_fallback || all ||
           error_set(error, "byte_fallback is set, but not all of <0x00> to <0xFF> are there");
}

static bool read_pieces(struct unigram *unigram, const json_t *list, struct error *error) {
    double worst = INFINITY;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i), *text = json_array_get(entry, 0);
        struct scored_piece piece = {.text = {json_string_value(text), json_string_length(text)},
                                     .id = (int32_t)i};
        double score = json_number_value(json_array_get(entry, 1));
        if (!check_piece(&piece, error))
            return false;
        unigram->scores[i] = score;
        worst = score < worst ? score : worst;
        if (piece.text.size > 0)
            add_piece(unigram, &piece);
    }
    unigram->unknown_score = worst - UNKNOWN_PENALTY;
    return true;
}

struct token_model *unigram_open(const json_t *section, const struct vocabulary *vocabulary,
                                 struct error *error) {
    struct unigram *unigram = unigram_new(vocabulary);
    if (read_settings(unigram, section, error) &&
        read_pieces(unigram, json_object_get(section, "vocab"), error))
        return &unigram->model;
    unigram_close(&unigram->model);
    return NULL;
}

/* ---- encoding ---- */

/* The best way to the end of a piece. */
struct best {
    double score;
    size_t start; /* of its last piece; SIZE_MAX: no way yet */
    int32_t id;
};

static void offer(const struct unigram *unigram, struct best *best, double score, size_t start,
                  int32_t id) {
    if (best->start == SIZE_MAX || score > best->score)
        *best = (struct best){unigram->single ? (float)score : score, start, id};
}

/* All pieces that start at `start`. */
static void offer_pieces(const struct unigram *unigram, struct best *ways, struct text word,
                         size_t start) {
    size_t character = utf8_step((const uint8_t *)word.bytes + start);
    double till_here = ways[start].score;
    bool covered = false;
    uint32_t node = 0;
    for (size_t i = start; i < word.size; i++) {
        const struct edge *edge = &unigram->edges[edge_slot(unigram, node, (uint8_t)word.bytes[i])];
        node = edge->to;
        if (node == 0)
            break;
        int32_t piece = unigram->pieces[node];
        if (piece < 0)
            continue;
        offer(unigram, &ways[i + 1], unigram->scores[piece] + till_here, start, piece);
        covered = covered || i + 1 - start == character;
    }
    double unknown = unigram->unknown_score + till_here;
    if (!covered)
        offer(unigram, &ways[start + character], unigram->single ? (float)unknown : unknown, start,
              unigram->unknown);
}

static bool add_unknown(const struct unigram *unigram, struct text text, struct token_list *out,
                        struct error *error) {
    /* The reference looks a run of unknown characters up once more. */
    int32_t id = unigram->single ? -1 : vocabulary_id(unigram->model.vocabulary, text);
    for (size_t i = 0; id < 0 && unigram->byte_fallback && i < text.size; i++)
        token_list_add(out, unigram->bytes[(uint8_t)text.bytes[i]]);
    if (id < 0 && unigram->byte_fallback)
        return true;
    id = id >= 0 ? id : unigram->unknown;
    if (id < 0)
        return refuse_quoted(error, "the vocabulary has no piece for", text,
                             "and there is no unk_id");
    token_list_add(out, id);
    return true;
}

static bool unigram_encode(const struct token_model *model, struct model_scratch *scratch,
                           struct text word, struct token_list *out, struct error *error) {
    const struct unigram *unigram = (const struct unigram *)model;
    scratch->symbols.size = scratch->pairs.size = 0;
    struct best *ways =
        (struct best *)buffer_reserve(&scratch->symbols, (word.size + 1) * sizeof *ways);
    size_t *ends = (size_t *)buffer_reserve(&scratch->pairs, (word.size + 1) * sizeof *ends);
    for (size_t i = 0; i <= word.size; i++)
        ways[i] = (struct best){0, SIZE_MAX, -1};
    for (size_t i = 0; i < word.size; i += utf8_step((const uint8_t *)word.bytes + i))
        offer_pieces(unigram, ways, word, i);
    size_t count = 0;
    for (size_t end = word.size; end > 0; end = ways[end].start)
        ends[count++] = end;
    while (count > 0) {
        size_t end = ends[--count], start = ways[end].start;
        bool unknown = ways[end].id == unigram->unknown;
        while (unknown && count > 0 && ways[ends[count - 1]].id == unigram->unknown)
            end = ends[--count];
        if (!unknown)
            token_list_add(out, ways[end].id);
        else if (!add_unknown(unigram, (struct text){word.bytes + start, end - start}, out, error))
            return false;
    }
    return true;
}
