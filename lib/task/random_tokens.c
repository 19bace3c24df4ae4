/* Completions of random tokens. */
#include "task/random_tokens.h"

#include <stdlib.h>

#include "base/random.h"
#include "task/completions.h"
#include "task/fixedrdm.h"

struct random_tokens {
    struct tokenizer *tokenizer;
    struct encoder *encoder;
    struct completions *lengths;
    struct record found;     /* the strong completion in use */
    double *cumulative;      /* [vocabulary] of the tokens that are drawn */
    int64_t last;            /* of these */
    const char *purpose;     /* of the draws, */
    uint64_t seed;           /* and their seed */
    struct token_list drawn; /* and, before, what is counted */
};

static bool is_drawn(const struct tokenizer *tokenizer, int32_t id) {
    return tokenizer_token(tokenizer, id).bytes != NULL && !tokenizer_is_special(tokenizer, id);
}

/* The probabilities of all tokens up to each, of those that are drawn. */
static bool accumulate(struct random_tokens *policy, const uint64_t *fixed, struct error *error) {
    int64_t vocabulary = tokenizer_size(policy->tokenizer);
    float *probability = allocate((size_t)vocabulary + 1, sizeof *probability);
    double sum = 0;

    policy->last = -1;
    policy->cumulative = allocate((size_t)vocabulary + 1, sizeof *policy->cumulative);
    if (fixed != NULL)
        fixedrdm_probabilities(*fixed, vocabulary, probability);
    else
        for (int64_t v = 0; v < vocabulary; v++)
            probability[v] = 1; /* only their ratios count */
    for (int64_t v = 0; v < vocabulary; v++) {
        if (is_drawn(policy->tokenizer, (int32_t)v)) {
            sum += (double)probability[v];
            policy->last = v;
        }
        policy->cumulative[v] = sum;
    }
    free(probability);
    return policy->last >= 0 || error_set(error, "the tokenizer has no tokens but special ones");
}

struct random_tokens *random_tokens_open(const char *tokenizer, const char *lengths,
                                         const uint64_t *fixed, uint64_t seed,
                                         struct error *error) {
    static const char *const keep[] = {"finish", NULL};
    struct random_tokens *policy = allocate(1, sizeof *policy);

    policy->purpose = fixed != NULL ? "fixedrdm completion" : "uniform tokens";
    policy->seed = seed;
    policy->tokenizer = tokenizer_open(tokenizer, error);
    if (policy->tokenizer != NULL && accumulate(policy, fixed, error) &&
        (policy->lengths = completions_read(lengths, keep, error)) != NULL) {
        policy->encoder = encoder_open(policy->tokenizer);
        return policy;
    }
    random_tokens_close(policy);
    return NULL;
}

void random_tokens_close(struct random_tokens *policy) {
    if (policy == NULL)
        return;
    encoder_close(policy->encoder);
    tokenizer_close(policy->tokenizer);
    completions_free(policy->lengths);
    record_free(&policy->found);
    free(policy->cumulative);
    token_list_free(&policy->drawn);
    free(policy);
}

const char *random_tokens_digest(const struct random_tokens *policy) {
    return completions_digest(policy->lengths, 0);
}

/* How many tokens the strong completion has, and how it ended. */
static bool find_length(struct random_tokens *policy, struct text id, int64_t sample,
                        size_t *length, struct text *finish, struct error *error) {
    const char *name = completions_name(policy->lengths);
    struct text completion;
    size_t number;

    *finish = text_of("stop");
    if (!completions_find(policy->lengths, id, &number))
        return error_set(error, "%s has no completion for this id", name);
    if (!completions_get(policy->lengths, number, sample, &policy->found, error) ||
        !record_text(&policy->found, "completion", &completion, error))
        return error_place(error, "%s", name);
    if (record_find(&policy->found, "finish") != NULL &&
        !record_text(&policy->found, "finish", finish, error))
        return error_place(error, "%s", name);
    policy->drawn.count = 0;
    if (!encoder_encode(policy->encoder, completion, ENCODE_CONTINUES, &policy->drawn, error))
        return error_place(error, "%s", name);
    *length = policy->drawn.count;
    return true;
}

/* The first token whose cumulative probability is above a point below all of them. */
static int32_t draw_token(const struct random_tokens *policy, struct random *random) {
    int64_t low = 0, high = policy->last;
    double point = random_uniform(random) * policy->cumulative[high];

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (policy->cumulative[middle] > point)
            high = middle;
        else
            low = middle + 1;
    }
    return (int32_t)low;
}

bool random_tokens_answer(struct random_tokens *policy, struct text id, int64_t sample,
                          struct buffer *out, struct random_answer *answer, struct error *error) {
    struct random random;
    size_t length = 0;

    if (!find_length(policy, id, sample, &length, &answer->finish, error))
        return false;
    random_start(&random, &(struct random_name){.seed = policy->seed,
                                                .purpose = policy->purpose,
                                                .id = id,
                                                .sample = (uint64_t)sample});
    policy->drawn.count = 0;
    for (size_t i = 0; i < length; i++)
        token_list_add(&policy->drawn, draw_token(policy, &random));
    answer->tokens = &policy->drawn;
    return tokenizer_decode(policy->tokenizer, policy->drawn.ids, policy->drawn.count,
                            DECODE_CONTINUES, out, error);
}
