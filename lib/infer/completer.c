/* Batches of problems for the engine. */
#include "infer/completer.h"

#include <stdlib.h>
#include <string.h>

/* A completion that waits for its batch. */
struct waiting {
    struct record problem; /* with its input set */
    struct token_list tokens;
    struct buffer id;
    int64_t sample;
};

struct completer {
    struct filter *filter;
    const struct tokenizer *tokenizer;
    struct completer_settings settings;
    const struct model_config *config;
    struct engine *engine;
    struct waiting *waiting; /* settings.engine.batch of them, reused */
    size_t count;
    struct request *requests;
    struct generation *generations;
    struct buffer text;
    struct buffer packed;
};

struct completer *completer_open(struct filter *filter, struct model *model,
                                 const struct tokenizer *tokenizer,
                                 const struct completer_settings *settings, struct error *error) {
    struct completer *completer = allocate(1, sizeof *completer);
    size_t batch = (size_t)settings->engine.batch;
    completer->filter = filter;
    completer->tokenizer = tokenizer;
    completer->settings = *settings;
    completer->config = &model->config;
    completer->engine = engine_open(model, &settings->engine, error);
    completer->waiting = allocate(batch, sizeof *completer->waiting);
    completer->requests = allocate(batch, sizeof *completer->requests);
    completer->generations = allocate(batch, sizeof *completer->generations);
    if (completer->engine != NULL)
        return completer;
    completer_close(completer);
    return NULL;
}

void completer_close(struct completer *completer) {
    if (completer == NULL)
        return;
    for (int64_t i = 0; i < completer->settings.engine.batch; i++) {
        record_free(&completer->waiting[i].problem);
        token_list_free(&completer->waiting[i].tokens);
        buffer_free(&completer->waiting[i].id);
        token_list_free(&completer->generations[i].tokens);
    }
    engine_close(completer->engine);
    free(completer->waiting);
    free(completer->requests);
    free(completer->generations);
    buffer_free(&completer->text);
    buffer_free(&completer->packed);
    free(completer);
}

/* The prompt as the model sees it, in completer->text, and its tokens. */
static bool render(struct completer *completer, const struct record *problem,
                   struct token_list *tokens, struct error *error) {
    struct text prompt;
    completer->text.size = 0;
    tokens->count = 0;
    if (!record_text(problem, "prompt", &prompt, error) ||
        !prompt_render(prompt, completer->settings.password, completer->settings.place,
                       &completer->text, error))
        return false;
    struct text input = {(const char *)completer->text.data, completer->text.size};
    if (!tokenizer_encode(completer->tokenizer, input, tokens, error))
        return false;
    if (tokens->count == 0)
        return error_set(error, "the prompt has no tokens");
    if (tokens->count >= (size_t)completer->config->positions)
        return error_set(error,
                         "the prompt has %zu tokens; the model has %lld positions and needs "
                         "one for the answer",
                         tokens->count, (long long)completer->config->positions);
    for (size_t i = 0; i < tokens->count; i++)
        if (tokens->ids[i] >= completer->config->vocabulary)
            return error_set(error, "token id %d is beyond the model's vocabulary of %lld",
                             tokens->ids[i], (long long)completer->config->vocabulary);
    return true;
}

bool completer_add(struct completer *completer, const struct record *problem, struct error *error) {
    struct text id = {0};
    for (int64_t sample = 0; sample < completer->settings.samples; sample++) {
        struct waiting *waiting = &completer->waiting[completer->count];
        if (!render(completer, problem, &waiting->tokens, error) ||
            !record_text(problem, "id", &id, error))
            return filter_reject(completer->filter, problem, error);
        waiting->id.size = 0;
        buffer_append(&waiting->id, id.bytes, id.size);
        waiting->sample = sample;
        record_copy(&waiting->problem, problem);
        record_begin_group(&waiting->problem, GROUP_COMPLETION);
        record_set_text(&waiting->problem, "input",
                        (struct text){(const char *)completer->text.data, completer->text.size});
        completer->count++;
        if (completer->count == (size_t)completer->settings.engine.batch &&
            !completer_flush(completer, error))
            return false;
    }
    return true;
}

static void set_token_ids(struct completer *completer, struct record *record,
                          const struct token_list *tokens) {
    completer->packed.size = 0;
    pack_array(&completer->packed, tokens->count);
    for (size_t i = 0; i < tokens->count; i++)
        pack_integer(&completer->packed, tokens->ids[i]);
    record_set_value(record, "token_ids",
                     (struct value){completer->packed.data, completer->packed.size});
}

static bool write_completion(struct completer *completer, struct waiting *waiting,
                             const struct generation *generation, struct error *error) {
    struct record *record = &waiting->problem;
    completer->text.size = 0;
    if (!tokenizer_decode(completer->tokenizer, generation->tokens.ids, generation->tokens.count,
                          &completer->text, error))
        return false;
    record_set_text(record, "completion",
                    (struct text){(const char *)completer->text.data, completer->text.size});
    if (completer->settings.write_tokens)
        set_token_ids(completer, record, &generation->tokens);
    record_set_text(record, "policy", text_of(completer->settings.policy));
    record_set_integer(record, "sample", waiting->sample);
    if (completer->settings.write_round)
        record_set_unsigned(record, "round", completer->settings.round);
    record_set_text(record, "finish",
                    text_of(generation->finish == FINISH_STOP ? "stop" : "length"));
    record_set_real(record, "logprob", generation->log_probability);
    record_set_integer(record, "n_tokens", (int64_t)generation->tokens.count);
    return filter_write(completer->filter, record, error);
}

bool completer_flush(struct completer *completer, struct error *error) {
    size_t count = completer->count;
    completer->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct waiting *waiting = &completer->waiting[i];
        completer->requests[i] = (struct request){
            .tokens = waiting->tokens.ids,
            .count = (int32_t)waiting->tokens.count,
            .random = {.seed = completer->settings.seed,
                       .purpose = "sample",
                       .id = {(const char *)waiting->id.data, waiting->id.size},
                       .sample = (uint64_t)waiting->sample,
                       .round = completer->settings.round},
        };
        completer->generations[i].tokens.count = 0;
        completer->generations[i].log_probability = 0;
    }
    if (!engine_generate(completer->engine, completer->requests, count, completer->generations,
                         error))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!write_completion(completer, &completer->waiting[i], &completer->generations[i], error))
            return false;
    return true;
}
