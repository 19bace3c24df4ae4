/*
 * A model as the answerer of a stream of problems: the options that say how, and the whole filter.
 * sample is this; gen-strong and gen-weak are this where their policy is a model.
 */
#ifndef LOCKPICK_INFER_SAMPLING_H
#define LOCKPICK_INFER_SAMPLING_H

#include "infer/completer.h"
#include "task/policy.h"

struct sampling_settings {
    struct filter_settings filter;
    struct completer_settings completer;
    const char *model;         /* checkpoint directory */
    const char *password;      /* NULL: none given */
    int place, overflow, type; /* enums of prompt.h, completer.h, model.h, as options set them */
    double temperature, top_p;
    const char *device;
    int64_t threads;
    int64_t round; /* −1: none */
};

#define SAMPLING_DEFAULTS                                                                          \
    {                                                                                              \
        .filter = FILTER_DEFAULTS,                                                                 \
        .completer = {.engine = {.max_tokens = 1024, .room = 1024},                                \
                      .policy = "model",                                                           \
                      .samples = 1},                                                               \
        .top_p = 1, .device = "auto", .round = -1,                                                 \
    }

/* Rows for an option table: the model, how it draws, where it runs. */
#define SAMPLING_OPTIONS(settings, temperature_help)                                               \
    {.kind = OPTION_FILE,                                                                          \
     .letter = 'm',                                                                                \
     .name = "model",                                                                              \
     .argument = "DIR",                                                                            \
     .target = &(settings).model,                                                                  \
     .help = "checkpoint to sample from"},                                                         \
        TEMPLATE_OPTION((settings).completer.template),                                            \
        {.kind = OPTION_REAL,                                                                      \
         .letter = 'T',                                                                            \
         .name = "temperature",                                                                    \
         .argument = "X",                                                                          \
         .target = &(settings).temperature,                                                        \
         .maximum = 1000,                                                                          \
         .help = temperature_help},                                                                \
        {.kind = OPTION_INTEGER,                                                                   \
         .name = "top-k",                                                                          \
         .argument = "N",                                                                          \
         .target = &(settings).completer.engine.sampling.top_k,                                    \
         .maximum = 1e9,                                                                           \
         .help = "draw among the N likeliest tokens (default 0: all)"},                            \
        {.kind = OPTION_REAL,                                                                      \
         .name = "top-p",                                                                          \
         .argument = "X",                                                                          \
         .target = &(settings).top_p,                                                              \
         .minimum = 1e-9,                                                                          \
         .maximum = 1,                                                                             \
         .help = "draw among the fewest tokens whose probabilities reach X (default 1: all)"},     \
        {.kind = OPTION_INTEGER,                                                                   \
         .name = "max-tokens",                                                                     \
         .argument = "N",                                                                          \
         .target = &(settings).completer.engine.max_tokens,                                        \
         .minimum = 1,                                                                             \
         .maximum = 1e9,                                                                           \
         .help = "at most N new tokens (default 1024)"},                                           \
        {.kind = OPTION_TEXTS,                                                                     \
         .name = "stop",                                                                           \
         .argument = "TEXT",                                                                       \
         .target = &(settings).completer.stop_texts,                                               \
         .help = "end a completion in front of this text"},                                        \
        {.kind = OPTION_TEXTS,                                                                     \
         .name = "stop-token",                                                                     \
         .argument = "TOKEN",                                                                      \
         .target = &(settings).completer.stop_words,                                               \
         .help = "end a completion at this token of the vocabulary, besides the model's own end "  \
                 "tokens"},                                                                        \
        {.kind = OPTION_CHOICE,                                                                    \
         .name = "overflow",                                                                       \
         .target = &(settings).overflow,                                                           \
         .choices = "error|verdict",                                                               \
         .help = "a prompt too long for the model is a bad record, or gets an empty completion "   \
                 "whose `finish` says so (default error)"},                                        \
        {.kind = OPTION_FLAG,                                                                      \
         .name = "free-form",                                                                      \
         .target = &(settings).completer.free_form,                                                \
         .help = "answer problems with choices in words, not by the next token's logits"},         \
        {.kind = OPTION_INTEGER,                                                                   \
         .name = "round",                                                                          \
         .argument = "N",                                                                          \
         .target = &(settings).round,                                                              \
         .maximum = 1e15,                                                                          \
         .help = "of a reinforcement pipeline: draws anew"},                                       \
        {.kind = OPTION_SEED,                                                                      \
         .letter = 's',                                                                            \
         .name = "seed",                                                                           \
         .argument = "N",                                                                          \
         .target = &(settings).completer.seed,                                                     \
         .help = "of what is drawn (default 0)"},                                                  \
        {.kind = OPTION_FLAG,                                                                      \
         .name = "token-ids",                                                                      \
         .target = &(settings).completer.write_tokens,                                             \
         .help = "write the completions' token ids as well"},                                      \
        {.kind = OPTION_INTEGER,                                                                   \
         .letter = 'b',                                                                            \
         .name = "batch",                                                                          \
         .argument = "N",                                                                          \
         .target = &(settings).completer.engine.batch,                                             \
         .minimum = 1,                                                                             \
         .maximum = 65536,                                                                         \
         .help = "sequences at once (default 256; on the CPU fewer of a model of a few MB)"},      \
        {.kind = OPTION_INTEGER,                                                                   \
         .name = "cache-memory",                                                                   \
         .argument = "BYTES",                                                                      \
         .target = &(settings).completer.engine.cache_memory,                                      \
         .maximum = 1e15,                                                                          \
         .help = "for keys and values, at most (default: 4 GiB; on a GPU what is left there)"},    \
        {.kind = OPTION_FLAG,                                                                      \
         .name = "no-graphs",                                                                      \
         .target = &(settings).completer.engine.no_graphs,                                         \
         .flags = OPTION_SILENT,                                                                   \
         .help = "on a GPU, launch every operation of a step by itself, not as CUDA graphs"},      \
        {.kind = OPTION_CHOICE,                                                                    \
         .name = "dtype",                                                                          \
         .target = &(settings).type,                                                               \
         .choices = MODEL_TYPES,                                                                   \
         .help = "compute with f32 or bf16 weights (default: as stored, f16 as f32)"},             \
        {.kind = OPTION_TEXT,                                                                      \
         .letter = 'd',                                                                            \
         .name = "device",                                                                         \
         .argument = "NAME",                                                                       \
         .target = &(settings).device,                                                             \
         .flags = OPTION_SILENT,                                                                   \
         .help = "cpu, cuda, cuda:N or auto (default)"},                                           \
    {                                                                                              \
        .kind = OPTION_INTEGER, .letter = 't', .name = "threads", .argument = "N",                 \
        .target = &(settings).threads, .maximum = 4096, .flags = OPTION_SILENT,                    \
        .help = "CPU threads (default: all cores)"                                                 \
    }

/* Whether the options go together; the error says how they would. */
bool sampling_usable(const struct sampling_settings *settings, struct error *error);
/* The same for gen-strong and gen-weak. */
bool sampling_policy_usable(const struct policy_settings *policy,
                            const struct sampling_settings *settings, struct error *error);

/* The whole filter: opens model, tokenizer and streams, answers every problem, closes. Frees the
 * lists in the settings. */
bool sampling_filter(struct invocation *invocation, struct sampling_settings *settings,
                     struct error *error);

/*
 * gen-strong and gen-weak: policy_filter(), or, with the policy `model`, sampling_filter() under
 * the policy's name, number of samples and streams.
 */
bool sampling_policy_filter(struct invocation *invocation, const struct policy_settings *policy,
                            struct sampling_settings *settings, struct error *error);

#endif
