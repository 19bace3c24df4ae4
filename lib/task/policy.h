/*
 * Policies that answer problems without a model: the task's own program, exact or weakened; the
 * reference or worked solution; any of the choices; random tokens; completions stored elsewhere.
 * gen-strong and gen-weak are this file with different defaults, and infer/sampling.h where the
 * policy is a model.
 */
#ifndef LOCKPICK_TASK_POLICY_H
#define LOCKPICK_TASK_POLICY_H

#include "record/filter.h"
#include "task/composition.h"

enum policy_kind {
    POLICY_PROGRAM,
    POLICY_REFERENCE,
    POLICY_SOLUTION,
    POLICY_UNIFORM,
    POLICY_FIXEDRDM,
    POLICY_UNIFORM_TOKENS,
    POLICY_STORED,
    POLICY_MODEL,
};
/* For OPTION_CHOICE. */
#define POLICY_KINDS "program|reference|solution|uniform|fixedrdm|uniform-tokens|stored|model"

struct policy_settings {
    int kind;                /* enum policy_kind */
    bool weak;               /* the weakened program, and the policy's name without --name */
    const char *name;        /* --name; NULL: "strong", "weak", the tokens' kind, what is stored */
    const char *completions; /* stream of a stored policy */
    const char *lengths;     /* stream of strong completions, of a policy that draws tokens, */
    const char *tokenizer;   /* and a directory with these */
    uint64_t fixedrdm;       /* the seed of a fixedrdm policy's distribution */
    const char *template;    /* task/prompts.h; NULL: by task */
    uint64_t seed;           /* of what is drawn */
    int64_t samples;         /* completions a problem */
    struct composition_settings composition;
    struct filter_settings filter;
};

#define POLICY_DEFAULTS(is_weak)                                                                   \
    {                                                                                              \
        .weak = (is_weak), .samples = 1, .composition = COMPOSITION_DEFAULTS,                      \
        .filter = FILTER_DEFAULTS                                                                  \
    }
#define POLICY_OPTIONS(settings, program)                                                          \
    {.kind = OPTION_CHOICE,                                                                        \
     .letter = 'p',                                                                                \
     .name = "policy",                                                                             \
     .choices = POLICY_KINDS,                                                                      \
     .target = &(settings).kind,                                                                   \
     .help = "who answers: the task's " program " program (default), the record's own reference "  \
             "or worked solution, any of its choices, tokens drawn from a fixed random or the "    \
             "uniform distribution, completions made before, or a model"},                         \
        {.kind = OPTION_FILE,                                                                      \
         .letter = 'c',                                                                            \
         .name = "completions",                                                                    \
         .argument = "FILE",                                                                       \
         .target = &(settings).completions,                                                        \
         .help = "for --policy stored: the stream with the completions, joined by id and sample"}, \
        {.kind = OPTION_SEED,                                                                      \
         .name = "fixedrdm-seed",                                                                  \
         .argument = "SEED",                                                                       \
         .target = &(settings).fixedrdm,                                                           \
         .help = "for --policy fixedrdm: seed of the distribution of tokens (0)"},                 \
        {.kind = OPTION_FILE,                                                                      \
         .name = "lengths",                                                                        \
         .argument = "FILE",                                                                       \
         .target = &(settings).lengths,                                                            \
         .help = "for --policy fixedrdm and uniform-tokens: strong completions of the same "       \
                 "problems, to be as long as"},                                                    \
        {.kind = OPTION_INTEGER,                                                                   \
         .letter = 'n',                                                                            \
         .name = "samples",                                                                        \
         .argument = "N",                                                                          \
         .target = &(settings).samples,                                                            \
         .minimum = 1,                                                                             \
         .maximum = 1e9,                                                                           \
         .help = "completions a problem, each a record (1)"},                                      \
        {.kind = OPTION_TEXT,                                                                      \
         .name = "name",                                                                           \
         .argument = "TEXT",                                                                       \
         .target = &(settings).name,                                                               \
         .help = "what the field 'policy' says"},                                                  \
        COMPOSITION_OPTIONS((settings).composition), FILTER_OPTIONS((settings).filter)

struct policy;

/* Whether its completions are random tokens: fixedrdm, or uniform-tokens. */
bool policy_draws_tokens(const struct policy_settings *settings);

/* Reads streams and tokenizer, draws the functions of programs. The settings must outlive it. */
struct policy *policy_open(const struct policy_settings *settings, struct error *error);
void policy_close(struct policy *policy); /* NULL is fine */

/*
 * Gives the problem `record` the completion group of the policy's sample `sample`: `input` (the
 * prompt through its template, without password), `completion`, `policy`, `sample`, `finish`;
 * where the policy draws tokens, `token_ids` and `n_tokens` too.
 */
bool policy_answer(struct policy *policy, struct record *record, int64_t sample,
                   struct error *error);

/* The whole filter: opens policy and streams, answers every problem, closes. */
bool policy_filter(const struct invocation *invocation, const struct policy_settings *settings,
                   struct error *error);

#endif
