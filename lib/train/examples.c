/* Records to token ids. */
#include "train/examples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/pairs.h"

void examples_open(struct examples *examples, const struct tokenizer *tokenizer,
                   const struct model_config *config, int64_t max_completion) {
    *examples = (struct examples){
        .tokenizer = tokenizer, .config = config, .max_completion = max_completion};
    examples->digest = XXH3_createState();
    XXH3_64bits_reset(examples->digest);
}

void examples_close(struct examples *examples) {
    token_list_free(&examples->tokens);
    targets_free(&examples->targets);
    free(examples->items);
    free(examples->pairs);
    XXH3_freeState(examples->digest);
    *examples = (struct examples){0};
}

void examples_forget(struct examples *examples) {
    targets_forget(&examples->targets);
    examples->tokens.count = 0;
    examples->count = 0;
}

void examples_digest(const struct examples *examples, char digest[17]) {
    snprintf(digest, 17, "%016llx", (unsigned long long)XXH3_64bits_digest(examples->digest));
}

static bool take_ids(struct examples *examples, struct value ids, struct error *error) {
    struct value_walk walk;
    struct value element;
    uint64_t count;
    int64_t id, limit = examples->config->vocabulary;
    if (!value_array(ids, &walk, &count))
        return error_set(error, "token_ids: is %s; a list of integers would be right",
                         value_type_name(value_type(ids)));
    while (value_next(&walk, &element)) {
        if (!value_integer(element, &id) || id < 0 || id >= limit)
            return error_set(error,
                             "token_ids: element %llu is no token of the model; integers from 0 to "
                             "%lld would be right",
                             (unsigned long long)(count - walk.left), (long long)limit - 1);
        token_list_add(&examples->tokens, (int32_t)id);
    }
    return true;
}

/* `token_ids` where the completion may be these and the record has them, else its text. */
static bool encode_completion(struct examples *examples, const struct record *record,
                              const char *field, bool ids, struct error *error) {
    const struct value *given = ids ? record_find(record, "token_ids") : NULL;
    if (given != NULL)
        return take_ids(examples, *given, error);
    struct text completion;
    return record_text(record, field, &completion, error) &&
           tokenizer_encode(examples->tokenizer, completion, ENCODE_CONTINUES, &examples->tokens,
                            error);
}

/* Cuts what is too long behind `before`, and ends what was not cut. */
static void end_completion(struct examples *examples, const struct record *record,
                           const char *field, size_t before) {
    struct token_list *tokens = &examples->tokens;
    struct text finish = {0};
    const struct value *found = record_find(record, field);
    bool cut = found && value_text(*found, &finish) && text_is(finish, "length");
    if (tokens->count - before > (size_t)examples->max_completion) {
        tokens->count = before + (size_t)examples->max_completion;
        cut = true;
    }
    if (!cut && examples->config->end_token_count > 0)
        token_list_add(tokens, examples->config->end_tokens[0]);
}

/* Completion tokens behind the input, and what is wanted of them. */
static bool add_completion(struct examples *examples, const struct record *record,
                           const struct example_fields *fields, struct wanted *wanted,
                           struct error *error) {
    const struct value *field = fields->targets ? record_find(record, "targets") : NULL;
    size_t before = examples->tokens.count;
    if (field != NULL && value_type(*field) != VALUE_NIL &&
        !targets_read(&examples->targets, *field, examples->tokenizer, examples->config->vocabulary,
                      wanted, error))
        return false;
    if (wanted->kind == TARGETS_TOLD) {
        token_list_add(&examples->tokens, targets_likeliest(&examples->targets, *wanted));
        return true;
    }
    if (!encode_completion(examples, record, fields->completion, wanted->kind != TARGETS_OWN,
                           error))
        return false;
    end_completion(examples, record, fields->finish, before);
    return true;
}

static bool check_example(const struct examples *examples, const struct example *example,
                          struct error *error) {
    if (example->predicted < 1)
        return error_set(error, "the completion has no tokens; there is nothing to learn");
    if (example->predicted >= example->tokens)
        return error_set(error, "the input has no tokens; at least one must stand before the "
                                "completion");
    if (example->tokens - 1 > examples->config->positions)
        return error_set(error,
                         "%d tokens, but the model has %lld positions; shorten it or raise "
                         "max_position_embeddings",
                         example->tokens, (long long)examples->config->positions);
    if (examples->max_rows > 0 && example->tokens - 1 > examples->max_rows)
        return error_set(error,
                         "%d tokens do not fit a micro-batch of %lld; a larger --micro-batch "
                         "would be right",
                         example->tokens - 1, (long long)examples->max_rows);
    for (int32_t i = 0; i < example->tokens; i++)
        if (examples->tokens.ids[example->start + (size_t)i] >= examples->config->vocabulary)
            return error_set(error, "token id %d is beyond the model's vocabulary of %lld",
                             examples->tokens.ids[example->start + (size_t)i],
                             (long long)examples->config->vocabulary);
    return true;
}

bool examples_encode(struct examples *examples, const struct record *record,
                     const struct example_fields *fields, struct example *example,
                     struct error *error) {
    size_t start = examples->tokens.count;
    struct text input;
    *example = (struct example){.start = start};
    const char *field = record_find(record, "input") ? "input" : "prompt";
    if (!record_text(record, field, &input, error) ||
        !tokenizer_encode(examples->tokenizer, input, ENCODE_ADD_SPECIAL, &examples->tokens, error))
        return false;
    size_t middle = examples->tokens.count;
    if (!add_completion(examples, record, fields, &example->wanted, error))
        return false;
    size_t end = examples->tokens.count;
    if (end - start > INT32_MAX)
        return error_set(error, "the example has more than 2^31 tokens");
    example->tokens = (int32_t)(end - start);
    example->predicted = (int32_t)(end - middle);
    return check_example(examples, example, error);
}

static void grow(struct examples *examples, size_t each) {
    examples->capacity = examples->capacity ? examples->capacity * 2 : 256;
    examples->items =
        reallocate(examples->items, examples->capacity, each * sizeof *examples->items);
    if (each > 1)
        examples->pairs = reallocate(examples->pairs, examples->capacity, sizeof *examples->pairs);
}

void examples_keep(struct examples *examples, const struct example *items,
                   const struct pair *pair) {
    size_t each = pair != NULL ? 2 : 1;
    if (examples->count == examples->capacity)
        grow(examples, each);
    if (pair != NULL)
        examples->pairs[examples->count] = *pair;
    memcpy(examples->items + each * examples->count++, items, each * sizeof *items);
    for (size_t i = 0; i < each; i++) {
        int32_t shape[2] = {items[i].tokens, items[i].predicted};
        XXH3_64bits_update(examples->digest, shape, sizeof shape);
        XXH3_64bits_update(examples->digest, examples->tokens.ids + items[i].start,
                           (size_t)items[i].tokens * sizeof(int32_t));
        targets_digest(&examples->targets, items[i].wanted, examples->digest);
    }
}

bool examples_add(struct examples *examples, const struct record *record, struct error *error) {
    static const struct example_fields fields = {"completion", "finish", true};
    if (examples->objective.kind == OBJECTIVE_DPO)
        return examples_add_pair(examples, record, error);
    size_t start = examples->tokens.count, told = examples->targets.told_count;
    struct example example;
    if (!examples_encode(examples, record, &fields, &example, error)) {
        examples->tokens.count = start;
        examples->targets.told_count = told;
        return false;
    }
    examples_keep(examples, &example, NULL);
    return true;
}
