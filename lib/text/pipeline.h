/*
 * The chain that most tokenizers are: added tokens, normalizer, pre-tokenizer, model,
 * post-processor; and a decoder for the way back. Private to lib/text.
 */
#ifndef LOCKPICK_TEXT_PIPELINE_H
#define LOCKPICK_TEXT_PIPELINE_H

#include "text/added_tokens.h"
#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/token_model.h"

/* All zero but for the ids is one that nothing was read into yet; pipeline_close() frees it. */
struct pipeline {
    struct vocabulary vocabulary; /* of the model */
    struct added_tokens added;
    struct normalizer *normalizer;
    struct pre_tokenizer *pre_tokenizer;
    struct token_model *model;
    struct token_list before, after; /* what the post-processor puts around a text */
    struct decoder *decoder;
    int32_t bos, eos; /* −1: none */
};

void pipeline_close(void *pipeline);

/* An added token's id is its own, and where the model has the token too, the model's. */
bool pipeline_check_added(const struct pipeline *pipeline, struct error *error);

/* "post_processor" of tokenizer.json: the tokens that it puts before and after a text. */
bool post_processor_read(const json_t *section, struct token_list *before, struct token_list *after,
                         struct error *error);

/* What `config`, the tokenizer_config.json beside a tokenizer.json with that "post_processor", says
 * of the tokens before and after a text; it says something for Llama's classes alone. */
bool llama_config_apply(struct pipeline *pipeline, const json_t *post_processor,
                        const json_t *config, struct error *error);

#endif
