/* The field `targets`, and the distributions it stands for. */
#include "train/targets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task/fixedrdm.h"

void targets_free(struct targets *targets) {
    for (size_t i = 0; i < targets->fixed_count; i++)
        free(targets->fixed[i].probability);
    free(targets->fixed);
    free(targets->told);
    *targets = (struct targets){0};
}

void targets_forget(struct targets *targets) {
    targets->told_count = 0;
}

/* ---- {"fixedrdm": SEED} ---- */

static size_t fixed_of_seed(struct targets *targets, uint64_t seed, int64_t vocabulary) {
    for (size_t i = 0; i < targets->fixed_count; i++)
        if (targets->fixed[i].seed == seed)
            return i;
    targets->fixed = reallocate(targets->fixed, targets->fixed_count + 1, sizeof *targets->fixed);
    struct fixed_distribution *fixed = &targets->fixed[targets->fixed_count];
    *fixed = (struct fixed_distribution){
        .seed = seed, .probability = allocate((size_t)vocabulary, sizeof(float))};
    fixedrdm_probabilities(seed, vocabulary, fixed->probability);
    return targets->fixed_count++;
}

static bool read_fixed(struct targets *targets, struct value value, int64_t vocabulary,
                       struct wanted *wanted, struct error *error) {
    uint64_t seed;
    if (!value_unsigned(value, &seed))
        return error_set(error, "targets: 'fixedrdm' is no seed; an integer from 0 would be right");
    *wanted =
        (struct wanted){.kind = TARGETS_FIXED, .place = fixed_of_seed(targets, seed, vocabulary)};
    return true;
}

/* ---- {"uniform": true} ---- */

static bool read_uniform(struct value value, struct wanted *wanted, struct error *error) {
    bool uniform;
    if (!value_boolean(value, &uniform) || !uniform)
        return error_set(error, "targets: 'uniform' is not true; true would be right");
    *wanted = (struct wanted){.kind = TARGETS_UNIFORM};
    return true;
}

/* ---- {"tokens": {TEXT: PROBABILITY, …}} ---- */

static bool one_token(const struct tokenizer *tokenizer, struct text text, int64_t vocabulary,
                      int32_t *token, struct error *error) {
    struct token_list list = {0};
    bool fine = tokenizer_encode(tokenizer, text, ENCODE_CONTINUES, &list, error);
    if (fine && list.count != 1)
        fine = error_set(error, "targets: '%.*s' is %zu tokens; texts of one token would be right",
                         (int)text.size, text.bytes, list.count);
    if (fine && list.ids[0] >= vocabulary)
        fine = error_set(error, "token id %d is beyond the model's vocabulary of %lld", list.ids[0],
                         (long long)vocabulary);
    *token = fine ? list.ids[0] : 0;
    token_list_free(&list);
    return fine;
}

static bool tell(struct targets *targets, const struct tokenizer *tokenizer, struct text text,
                 struct value value, int64_t vocabulary, struct error *error) {
    double probability;
    int32_t token;
    if (text.bytes == NULL)
        return error_set(error, "targets: a key of 'tokens' is no text");
    if (!value_real(value, &probability) || !(probability >= 0 && probability < INFINITY))
        return error_set(error,
                         "targets: '%.*s' has no probability; a number from 0 to 1 would "
                         "be right",
                         (int)text.size, text.bytes);
    if (!one_token(tokenizer, text, vocabulary, &token, error))
        return false;
    if (targets->told_count == targets->told_capacity) {
        targets->told_capacity = targets->told_capacity ? targets->told_capacity * 2 : 64;
        targets->told = reallocate(targets->told, targets->told_capacity, sizeof *targets->told);
    }
    targets->told[targets->told_count++] = (struct told_probability){token, (float)probability};
    return true;
}

static int by_token(const void *a, const void *b) {
    const struct told_probability *one = a, *other = b;
    return (one->token > other->token) - (one->token < other->token);
}

/* In the order of tokens, each once, and with the sum 1. */
static bool settle_told(struct targets *targets, size_t first, struct error *error) {
    double sum = 0;
    if (targets->told_count > first)
        qsort(targets->told + first, targets->told_count - first, sizeof *targets->told, by_token);
    for (size_t i = first + 1; i < targets->told_count; i++)
        if (targets->told[i].token == targets->told[i - 1].token)
            return error_set(error,
                             "targets: two texts are both token %d; each token once would "
                             "be right",
                             targets->told[i].token);
    for (size_t i = first; i < targets->told_count; i++)
        sum += (double)targets->told[i].probability;
    if (!(fabs(sum - 1) <= 1e-3))
        return error_set(error, "targets: the probabilities sum to %g; 1 would be right", sum);
    for (size_t i = first; i < targets->told_count; i++)
        targets->told[i].probability = (float)((double)targets->told[i].probability / sum);
    return true;
}

static bool read_told(struct targets *targets, struct value value,
                      const struct tokenizer *tokenizer, int64_t vocabulary, struct wanted *wanted,
                      struct error *error) {
    struct value_walk walk;
    uint64_t count;
    if (!value_map(value, &walk, &count) || count > INT32_MAX)
        return error_set(error, "targets: 'tokens' is no map of texts to probabilities");
    size_t first = targets->told_count;
    struct text text;
    struct value probability;
    bool fine = true;
    while (fine && value_next_pair(&walk, &text, &probability))
        fine = tell(targets, tokenizer, text, probability, vocabulary, error);
    if (!fine || !settle_told(targets, first, error)) {
        targets->told_count = first;
        return false;
    }
    *wanted = (struct wanted){TARGETS_TOLD, (int32_t)count, first};
    return true;
}

/* ---- all of them ---- */

bool targets_read(struct targets *targets, struct value field, const struct tokenizer *tokenizer,
                  int64_t vocabulary, struct wanted *wanted, struct error *error) {
    struct value_walk walk;
    uint64_t count;
    struct text key;
    struct value value;
    if (value_map(field, &walk, &count) && count == 1 && value_next_pair(&walk, &key, &value)) {
        if (key.bytes != NULL && text_is(key, "fixedrdm"))
            return read_fixed(targets, value, vocabulary, wanted, error);
        if (key.bytes != NULL && text_is(key, "uniform"))
            return read_uniform(value, wanted, error);
        if (key.bytes != NULL && text_is(key, "tokens"))
            return read_told(targets, value, tokenizer, vocabulary, wanted, error);
    }
    return error_set(error, "targets: no form of it that is known; {\"fixedrdm\": SEED}, "
                            "{\"uniform\": true} or {\"tokens\": {TEXT: PROBABILITY}} would be "
                            "right");
}

int32_t targets_likeliest(const struct targets *targets, struct wanted wanted) {
    const struct told_probability *told = targets->told + wanted.place, *best = told;
    for (const struct told_probability *next = told; next < told + wanted.count; next++)
        if (next->probability > best->probability)
            best = next;
    return best->token;
}

void targets_write(const struct targets *targets, struct wanted wanted, int64_t vocabulary,
                   float *probability) {
    size_t size = (size_t)vocabulary * sizeof *probability;
    if (wanted.kind == TARGETS_FIXED) {
        memcpy(probability, targets->fixed[wanted.place].probability, size);
        return;
    }
    if (wanted.kind == TARGETS_UNIFORM) {
        for (int64_t v = 0; v < vocabulary; v++)
            probability[v] = 1 / (float)vocabulary;
        return;
    }
    memset(probability, 0, size);
    for (int32_t i = 0; i < wanted.count; i++) {
        const struct told_probability *told = &targets->told[wanted.place + (size_t)i];
        probability[told->token] = told->probability;
    }
}

void targets_digest(const struct targets *targets, struct wanted wanted, XXH3_state_t *digest) {
    if (wanted.kind == TARGETS_FIXED)
        XXH3_64bits_update(digest, &targets->fixed[wanted.place].seed, sizeof(uint64_t));
    if (wanted.kind == TARGETS_UNIFORM)
        XXH3_64bits_update(digest, "uniform", sizeof "uniform");
    if (wanted.kind == TARGETS_TOLD)
        XXH3_64bits_update(digest, targets->told + wanted.place,
                           (size_t)wanted.count * sizeof *targets->told);
}
