/*
 * The families of models and what their readers share. Private to the files config*.c.
 */
#ifndef LOCKPICK_MODEL_CONFIG_FAMILY_H
#define LOCKPICK_MODEL_CONFIG_FAMILY_H

#include "model/config.h"

/* Far beyond any model there is, near enough that no product of them overflows 63 bits. */
#define MOST_VOCABULARY (1 << 24)
#define MOST_WIDTH (1 << 18)
#define MOST_LAYERS 4096
#define MOST_HEADS 4096
#define MOST_HEAD_SIZE 4096
#define MOST_MLP_WIDTH (1 << 20)
#define MOST_POSITIONS (1 << 24)
#define MOST_TYPES (1 << 16)

struct model_family {
    const char *architecture; /* "LlamaForCausalLM" */
    const char *kind;         /* model_type: "llama" */
    /* Fills all of *config but type, end tokens and initializer_range. */
    bool (*read)(struct model_config *config, const json_t *json, struct error *error);
};

/* The family of that architecture, or, where it is NULL, of that model_type; NULL for none. */
const struct model_family *model_family_find(const char *architecture, const char *kind);
/* "LlamaForCausalLM, MistralForCausalLM, …" */
void model_family_list(char *text, size_t size);

/* A member that is there and is not null, or NULL. */
const json_t *config_member(const json_t *object, const char *key);

/*
 * rope_scaling (older) or rope_parameters (since transformers 5) with what stands beside them:
 * `base_key` and `share_key` name the base and the share of each head that turns outside of them;
 * the share is `share` where neither says. config->head_size and positions are set.
 */
bool config_read_rotary(struct model_config *config, const json_t *json, const char *base_key,
                        const char *share_key, double share, struct error *error);

#endif
