/*
 * SentencePiece models (tokenizer.model): a protocol buffer of pieces with scores and kinds, the
 * trainer's settings and the normalizer's. A small reader of our own: tags, numbers and lengths are
 * checked, fields that are not ours are passed over.
 *
 * Text is encoded as SentencePiece encodes it. What the transformers library does around it is done
 * too: control symbols are found in text unless it is literal, BOS stands in front unless
 * tokenizer_config.json says add_bos_token false, and decoding is that of a Llama tokenizer.json.
 * The prefix space belongs to the beginning of a text, not to what follows a control symbol.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text/charsmap.h"
#include "text/pipeline.h"
#include "text/tokenizer_class.h"
#include "text/unicode.h"

#define LONGEST_PIECE 1024

/* ---- protocol buffers ---- */

struct wire {
    const uint8_t *next, *end;
};

struct wire_field {
    uint32_t number;
    uint32_t kind; /* 0: number, 1: 8 bytes, 2: bytes, 5: 4 bytes */
    uint64_t value;
    struct text bytes;
};

static bool wire_number(struct wire *wire, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64 && wire->next < wire->end; shift += 7) {
        uint8_t byte = *wire->next++;
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool wire_bytes(struct wire *wire, uint64_t size, struct text *bytes) {
    if (size > (uint64_t)(wire->end - wire->next))
        return false;
    *bytes = (struct text){(const char *)wire->next, (size_t)size};
    wire->next += size;
    return true;
}

/* The next field; false with *broken where the bytes are no message. */
static bool wire_next(struct wire *wire, struct wire_field *field, bool *broken) {
    uint64_t tag, size = 0;
    if (wire->next == wire->end || *broken)
        return false;
    *field = (struct wire_field){0};
    *broken = !wire_number(wire, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX;
    field->number = (uint32_t)(tag >> 3);
    field->kind = tag & 7;
    if (*broken)
        return false;
    if (field->kind == 0)
        *broken = !wire_number(wire, &field->value);
    else if (field->kind == 1 || field->kind == 5)
        *broken = !wire_bytes(wire, field->kind == 1 ? 8 : 4, &field->bytes);
    else
        *broken =
            field->kind != 2 || !wire_number(wire, &size) || !wire_bytes(wire, size, &field->bytes);
    return !*broken;
}

static struct wire wire_of(struct text bytes) {
    const uint8_t *start = (const uint8_t *)bytes.bytes;
    return (struct wire){start, start + bytes.size};
}

/* ---- the model's fields ---- */

enum piece_kind {
    PIECE_NORMAL = 1,
    PIECE_UNKNOWN,
    PIECE_CONTROL,
    PIECE_USER_DEFINED,
    PIECE_UNUSED,
    PIECE_BYTE
};

enum { MODEL_UNIGRAM = 1, MODEL_BPE = 2 };

struct piece {
    struct text text;
    float score;
    uint64_t kind;
};

struct model_file {
    struct piece *pieces;
    size_t count, capacity;
    uint64_t type;
    bool byte_fallback, space_behind;
    int64_t bos, eos;
    struct text charsmap;
    bool dummy_prefix, remove_extra, escape;
};

static bool damaged(struct error *error) {
    return error_set(error, "is no SentencePiece model, or a damaged one");
}

static bool read_piece(struct model_file *file, struct text bytes, struct error *error) {
    struct wire wire = wire_of(bytes);
    struct wire_field field;
    struct piece piece = {.kind = PIECE_NORMAL};
    bool broken = false;
    while (wire_next(&wire, &field, &broken)) {
        if (field.number == 1 && field.kind == 2)
            piece.text = field.bytes;
        else if (field.number == 2 && field.kind == 5)
            memcpy(&piece.score, field.bytes.bytes, sizeof piece.score);
        else if (field.number == 3 && field.kind == 0)
            piece.kind = field.value;
    }
    if (broken)
        return damaged(error);
    if (piece.text.size == 0 || piece.text.size > LONGEST_PIECE || !utf8_is_clean(piece.text) ||
        !isfinite(piece.score) || piece.kind < PIECE_NORMAL || piece.kind > PIECE_BYTE)
        return error_set(error,
                         "piece %zu is not right: it needs 1 to %d bytes of UTF-8, a finite score "
                         "and a known kind",
                         file->count, LONGEST_PIECE);
    if (file->count == VOCABULARY_MOST)
        return error_set(error, "more than %d pieces", VOCABULARY_MOST);
    if (file->count == file->capacity) {
        file->capacity = file->capacity ? 2 * file->capacity : 1024;
        file->pieces = reallocate(file->pieces, file->capacity, sizeof *file->pieces);
    }
    file->pieces[file->count++] = piece;
    return true;
}

static bool read_trainer(struct model_file *file, struct text bytes, struct error *error) {
    struct wire wire = wire_of(bytes);
    struct wire_field field;
    bool broken = false;
    while (wire_next(&wire, &field, &broken)) {
        if (field.kind != 0)
            continue;
        if (field.number == 3)
            file->type = field.value;
        else if (field.number == 24)
            file->space_behind = field.value != 0;
        else if (field.number == 35)
            file->byte_fallback = field.value != 0;
        else if (field.number == 41)
            file->bos = (int32_t)field.value;
        else if (field.number == 42)
            file->eos = (int32_t)field.value;
    }
    return !broken || damaged(error);
}

static bool read_normalizer(struct model_file *file, struct text bytes, struct error *error) {
    struct wire wire = wire_of(bytes);
    struct wire_field field;
    bool broken = false;
    while (wire_next(&wire, &field, &broken)) {
        if (field.number == 2 && field.kind == 2)
            file->charsmap = field.bytes;
        else if (field.number == 3 && field.kind == 0)
            file->dummy_prefix = field.value != 0;
        else if (field.number == 4 && field.kind == 0)
            file->remove_extra = field.value != 0;
        else if (field.number == 5 && field.kind == 0)
            file->escape = field.value != 0;
    }
    return !broken || damaged(error);
}

static bool read_file(struct model_file *file, struct text bytes, struct error *error) {
    struct wire wire = wire_of(bytes);
    struct wire_field field;
    bool broken = false, fine = true;
    *file = (struct model_file){.type = MODEL_UNIGRAM,
                                .bos = 1,
                                .eos = 2,
                                .dummy_prefix = true,
                                .remove_extra = true,
                                .escape = true};
    while (fine && wire_next(&wire, &field, &broken)) {
        if (field.kind != 2)
            continue;
        if (field.number == 1)
            fine = read_piece(file, field.bytes, error);
        else if (field.number == 2)
            fine = read_trainer(file, field.bytes, error);
        else if (field.number == 3)
            fine = read_normalizer(file, field.bytes, error);
    }
    if (!fine)
        return false;
    if (broken || file->count == 0)
        return damaged(error);
    if (file->type != MODEL_UNIGRAM && file->type != MODEL_BPE)
        return error_set(error,
                         "a model of type %llu is not supported; 1 (unigram) and 2 (BPE) are",
                         (unsigned long long)file->type);
    if (file->space_behind)
        return error_set(error, "treat_whitespace_as_suffix is not supported");
    return true;
}

/* ---- the chain from them ---- */

/* Ids of <0x00> to <0xFF>. */
static bool find_bytes(const struct model_file *file, const struct vocabulary *vocabulary,
                       int32_t bytes[256], struct error *error) {
    for (unsigned i = 0; i < 256; i++) {
        bytes[i] = byte_token_id(vocabulary, i);
        if (bytes[i] < 0 || file->pieces[bytes[i]].kind != PIECE_BYTE)
            return error_set(error, "byte_fallback is set, but there is no piece <0x%02X>", i);
    }
    return true;
}

/* Pieces that text is cut into; user-defined ones of a unigram model outdo all others of their
 * length, as SentencePiece scores them. */
static size_t gather_pieces(const struct model_file *file, struct scored_piece *scored) {
    size_t count = 0;
    float best = -INFINITY;
    for (size_t i = 0; i < file->count; i++)
        if (file->pieces[i].kind == PIECE_NORMAL && file->pieces[i].score > best)
            best = file->pieces[i].score;
    for (size_t i = 0; i < file->count; i++) {
        const struct piece *piece = &file->pieces[i];
        bool user = piece->kind == PIECE_USER_DEFINED;
        if (piece->kind != PIECE_NORMAL && !(user && file->type == MODEL_UNIGRAM))
            continue;
        double score = piece->score;
        if (user)
            score = isfinite(best) ? (float)piece->text.size * best - 0.1 : 0;
        scored[count++] = (struct scored_piece){piece->text, score, (int32_t)i, user};
    }
    return count;
}

static bool open_model(struct pipeline *pipeline, const struct model_file *file, int32_t unknown,
                       struct error *error) {
    int32_t bytes[256];
    if (file->byte_fallback && !find_bytes(file, &pipeline->vocabulary, bytes, error))
        return false;
    const int32_t *fallback = file->byte_fallback ? bytes : NULL;
    struct scored_piece *scored = allocate(file->count, sizeof *scored);
    size_t count = gather_pieces(file, scored);
    pipeline->model =
        file->type == MODEL_BPE
            ? bpe_open_scored(scored, count, &pipeline->vocabulary, fallback, unknown, error)
            : unigram_open_scored(scored, count, &pipeline->vocabulary, fallback, unknown, true,
                                  error);
    free(scored);
    return pipeline->model != NULL;
}

/* The vocabulary; control symbols and the unknown one are special tokens, found in raw text;
 * user-defined symbols cut normalized text for BPE (a unigram model scores them). */
static bool add_pieces(struct pipeline *pipeline, const struct model_file *file, int32_t *unknown,
                       struct error *error) {
    *unknown = -1;
    for (size_t i = 0; i < file->count; i++) {
        const struct piece *piece = &file->pieces[i];
        struct added_token token = {.id = (int32_t)i};
        token.special = piece->kind == PIECE_CONTROL || piece->kind == PIECE_UNKNOWN;
        token.normalized = piece->kind == PIECE_USER_DEFINED && file->type == MODEL_BPE;
        if (!vocabulary_add(&pipeline->vocabulary, piece->text, (int64_t)i, error) ||
            ((token.special || token.normalized) &&
             !added_tokens_add(&pipeline->added, piece->text, token, NULL, error)))
            return false;
        if (piece->kind == PIECE_UNUSED && file->type == MODEL_BPE)
            return error_set(error, "piece %zu is marked unused, which is not supported with BPE",
                             i);
        if (piece->kind == PIECE_UNKNOWN)
            *unknown = (int32_t)i;
    }
    return *unknown >= 0 || error_set(error, "there is no piece for what is unknown");
}

static bool open_normalizer(struct pipeline *pipeline, const struct model_file *file,
                            struct error *error) {
    struct sentencepiece_rules *rules = allocate(1, sizeof *rules);
    rules->dummy_prefix = file->dummy_prefix;
    rules->remove_extra = file->remove_extra;
    rules->escape = file->escape;
    rules->kept = allocate(1, sizeof *rules->kept);
    pipeline->normalizer = normalizer_open_sentencepiece(rules);
    for (size_t i = 0; i < file->count; i++) {
        struct added_token token = {.id = (int32_t)i, .normalized = true};
        if (file->pieces[i].kind == PIECE_USER_DEFINED &&
            !added_tokens_add(rules->kept, file->pieces[i].text, token, NULL, error))
            return false;
    }
    if (file->charsmap.size > 0)
        rules->map = charsmap_open(file->charsmap, error);
    return file->charsmap.size == 0 || rules->map != NULL;
}

static bool open_decoder(struct pipeline *pipeline, const struct model_file *file,
                         struct error *error) {
    json_t *section = json_pack("{ss s[{ss s{ss} ss} {ss} {ss} {ss ss si si}]}", "type", "Sequence",
                                "decoders", "type", "Replace", "pattern", "String", "\xE2\x96\x81",
                                "content", " ", "type", "ByteFallback", "type", "Fuse", "type",
                                "Strip", "content", " ", "start", file->dummy_prefix, "stop", 0);
    pipeline->decoder = decoder_open(section, error);
    json_decref(section);
    return pipeline->decoder != NULL;
}

/* BOS and EOS as the configuration, which may be NULL, asks for them. */
static bool add_around(struct pipeline *pipeline, const struct model_file *file,
                       const json_t *config, struct error *error) {
    bool bos, eos;
    if (!json_get_boolean(config, "add_bos_token", false, true, &bos, error) ||
        !json_get_boolean(config, "add_eos_token", false, false, &eos, error))
        return error_place(error, "tokenizer_config.json");
    pipeline->bos = file->bos >= 0 && file->bos < (int64_t)file->count ? (int32_t)file->bos : -1;
    pipeline->eos = file->eos >= 0 && file->eos < (int64_t)file->count ? (int32_t)file->eos : -1;
    if (bos && pipeline->bos >= 0)
        token_list_add(&pipeline->before, pipeline->bos);
    if (eos && pipeline->eos >= 0)
        token_list_add(&pipeline->after, pipeline->eos);
    return true;
}

/* What the files beside the model add; as in transformers added_tokens.json, which is older, counts
 * where the configuration does not list the tokens itself. */
static bool add_beside(struct pipeline *pipeline, const json_t *config, struct text added_text,
                       struct error *error) {
    const json_t *listed = json_object_get(config, "added_tokens_decoder");
    if (listed != NULL || added_text.size == 0)
        return (added_tokens_read_decoder(&pipeline->added, listed, error) &&
                pipeline_check_added(pipeline, error)) ||
               error_place(error, "tokenizer_config.json");
    json_t *ids = json_parse(added_text.bytes, added_text.size, error);
    bool fine = ids != NULL && added_tokens_read_ids(&pipeline->added, ids, config, error) &&
                pipeline_check_added(pipeline, error);
    json_decref(ids);
    return fine || error_place(error, "added_tokens.json");
}

static bool read_beside(struct pipeline *pipeline, const struct model_file *file,
                        struct text config_text, struct text added_text, struct error *error) {
    json_t *config = NULL;
    if (config_text.size > 0 &&
        (config = json_parse_as_reals(config_text.bytes, config_text.size, error)) == NULL)
        return error_place(error, "tokenizer_config.json");
    bool fine = add_around(pipeline, file, config, error) &&
                add_beside(pipeline, config, added_text, error);
    json_decref(config);
    return fine;
}

void *sentencepiece_open(const void *bytes, size_t size, struct text config, struct text added,
                         struct error *error) {
    struct model_file file = {0};
    struct pipeline *pipeline = allocate(1, sizeof *pipeline);
    int32_t unknown = -1;
    pipeline->pre_tokenizer = pre_tokenizer_open(NULL, false, error);
    bool fine = read_file(&file, (struct text){bytes, size}, error) &&
                add_pieces(pipeline, &file, &unknown, error) &&
                open_model(pipeline, &file, unknown, error) &&
                open_normalizer(pipeline, &file, error) && open_decoder(pipeline, &file, error) &&
                read_beside(pipeline, &file, config, added, error);
    free(file.pieces);
    if (fine)
        return pipeline;
    pipeline_close(pipeline);
    return NULL;
}
