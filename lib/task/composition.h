/*
 * The composition task (SPEC 2): problems that apply a few of a few dozen digit functions in turn.
 *
 *     prompt     _ | f3 f17 | 1 6 1 8 |
 *     completion 0 9 0 7 | 0 0 7 9          the digits after each function
 *
 * The functions are drawn once from the data seed. The first half of them, f0 … f15 of 32, move the
 * digits to other positions; the second half replace each digit through one bijection of 0–9. The
 * weak policy takes some of each half for the identity, as many as it leaves alone.
 */
#ifndef LOCKPICK_TASK_COMPOSITION_H
#define LOCKPICK_TASK_COMPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"

enum {
    COMPOSITION_DIGITS = 9,       /* at most, in a problem */
    COMPOSITION_STAGES = 12,      /* functions composed in a problem, at most */
    COMPOSITION_FUNCTIONS = 1000, /* at most, altogether */
    COMPOSITION_DECOYS = 10000,   /* decoy words of a vocabulary, at most */
};

enum function_family { FAMILY_PERMUTATION, FAMILY_BIJECTION };

/* y[i] = x[map[i]] (permutation), y[i] = map[x[i]] (bijection). */
struct composition_function {
    enum function_family family;
    uint8_t map[10];
    bool weakened; /* the weak policy takes it for the identity */
};

/* What the tools' options say. */
struct composition_settings {
    int64_t functions; /* a multiple of 4 */
    int64_t digits;
    int64_t composed; /* functions applied in turn in a problem */
    uint64_t seed;    /* the data seed */
};

#define COMPOSITION_DEFAULTS                                                                       \
    { .functions = 32, .digits = 4, .composed = 2, .seed = 0 }
#define COMPOSITION_OPTIONS(settings)                                                              \
    {.kind = OPTION_SEED,                                                                          \
     .name = "data-seed",                                                                          \
     .argument = "N",                                                                              \
     .target = &(settings).seed,                                                                   \
     .help = "draw the functions from this seed (0)"},                                             \
        {.kind = OPTION_INTEGER,                                                                   \
         .name = "functions",                                                                      \
         .argument = "N",                                                                          \
         .target = &(settings).functions,                                                          \
         .minimum = 4,                                                                             \
         .maximum = COMPOSITION_FUNCTIONS,                                                         \
         .help = "number of functions, a multiple of 4 (32)"},                                     \
        {.kind = OPTION_INTEGER,                                                                   \
         .name = "digits",                                                                         \
         .argument = "N",                                                                          \
         .target = &(settings).digits,                                                             \
         .minimum = 1,                                                                             \
         .maximum = COMPOSITION_DIGITS,                                                            \
         .help = "digits that they work on (4)"},                                                  \
    {                                                                                              \
        .kind = OPTION_INTEGER, .name = "composed", .argument = "N",                               \
        .target = &(settings).composed, .minimum = 1, .maximum = COMPOSITION_STAGES,               \
        .help = "functions applied in turn in a problem (2)"                                       \
    }

struct composition {
    size_t functions; /* F, named f0 … f(F−1) */
    size_t digits;    /* D */
    size_t composed;  /* C */
    uint64_t seed;
    uint64_t possible;                   /* distinct problems: F^C · 10^D */
    struct composition_function *tables; /* [F], owned */
};

/* One problem, as numbers. */
struct composition_problem {
    size_t chosen[COMPOSITION_STAGES]; /* [C] functions, in the order of application */
    uint8_t digits[COMPOSITION_DIGITS];
};

/*
 * Draws the functions: distinct as functions, none the identity. Fails where the digits have too
 * few orders for half of the functions, or where the problems do not fit 63 bits.
 */
bool composition_init(struct composition *composition, const struct composition_settings *settings,
                      struct error *error);
void composition_free(struct composition *composition);

/* Problem number `index` of composition->possible. */
void composition_problem(const struct composition *composition, uint64_t index,
                         struct composition_problem *problem);

/*
 * Reads a prompt back; whatever word stands in its first slot. The error says what should have
 * stood where.
 */
bool composition_parse(const struct composition *composition, struct text prompt,
                       struct composition_problem *problem, struct error *error);

/* Append the text of a problem's parts: "_ | f3 f17 | 1 6 1 8 |", "c-f3-f17-1618",
 * "permutation-bijection" (the families in the order of application). */
void composition_prompt(const struct composition *composition,
                        const struct composition_problem *problem, struct buffer *out);
void composition_id(const struct composition *composition,
                    const struct composition_problem *problem, struct buffer *out);
void composition_domain(const struct composition *composition,
                        const struct composition_problem *problem, struct buffer *out);

/* Appends the completion of the exact (or, with `weak`, the weakened) program. */
void composition_complete(const struct composition *composition,
                          const struct composition_problem *problem, bool weak, struct buffer *out);

/* Whether the exact and the weakened completion differ. */
bool composition_locked(const struct composition *composition,
                        const struct composition_problem *problem);

/*
 * Appends the tokenizer.json of the task's words, in the order of their ids: "_", "|", the digits,
 * the functions, "password", decoy1 … decoyN. Loads in the tokenizers library as it is.
 */
void composition_tokenizer(const struct composition *composition, size_t decoys,
                           struct buffer *out);

/* Appends decoy1 … decoyN, one a line. */
void composition_decoys(size_t decoys, struct buffer *out);

#endif
