/*
 * Sentence embeddings: a bidirectional transformer, and one vector for each text made from the rows
 * of its last layer, as sentence-transformers does: modules.json and 1_Pooling/config.json of the
 * checkpoint say how, sentence_bert_config.json how many tokens of a text are read.
 */
#ifndef LOCKPICK_MODEL_SENTENCE_ENCODER_H
#define LOCKPICK_MODEL_SENTENCE_ENCODER_H

#include "model/transformer.h"

enum pooling_kind {
    POOLING_MEAN,  /* of all rows; also where the checkpoint does not say */
    POOLING_FIRST, /* the first row: [CLS] */
};

struct sentence_encoder {
    struct model *model; /* borrowed */
    enum pooling_kind pooling;
    bool normalized; /* embeddings have length 1 */
    bool lower_case; /* texts are to be brought to lower case before they become tokens */
    int64_t longest; /* tokens of a text, special ones included, at most */

    struct transformer transformer;
    struct arena arena;
    struct pass pass;
    int64_t room, most; /* tokens and texts that fit one call */
    struct tensor tokens, positions, offsets, first, embeddings;
    int32_t *host; /* scratch for uploads */
};

/*
 * `model` was opened for MODEL_ENCODING. One call of sentence_encoder_forward() will take up to
 * `room` tokens (at least those of the longest text) in up to `most` texts. pooling and normalized
 * may be changed afterwards.
 */
bool sentence_encoder_open(struct sentence_encoder *encoder, struct model *model, int64_t room,
                           int64_t most, struct error *error);
void sentence_encoder_close(struct sentence_encoder *encoder);

/*
 * Embeddings [count, D] on the host, row-major, of `count` texts packed behind one another: text s
 * has the tokens[offsets[s]] … tokens[offsets[s + 1] − 1], special tokens included, at least one
 * and at most encoder->longest; offsets[0] is 0. A text's embedding does not depend on the others
 * but for rounding.
 */
bool sentence_encoder_forward(struct sentence_encoder *encoder, const int32_t *tokens,
                              const int32_t *offsets, int64_t count, float *embeddings,
                              struct error *error);

#endif
