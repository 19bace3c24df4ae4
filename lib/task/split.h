/*
 * Splitting a set of problems into parts: exact shares of every domain, decided by seed and ids
 * alone, so that the same problem lands in the same part however the input is ordered.
 *
 * All ids must be known before the first part is: add them all, then cut. Memory: about 50 bytes a
 * problem.
 */
#ifndef LOCKPICK_TASK_SPLIT_H
#define LOCKPICK_TASK_SPLIT_H

#include "base/error.h"
#include "base/memory.h"
#include "task/id_index.h"

enum { SPLIT_PARTS = 64, SPLIT_SOURCES = 8 };

/* "weak=10,lock=40,elicit=30,validation=20": names and weights, which need not add up to 100. */
struct split_shares {
    char *text; /* what the names point into */
    const char *names[SPLIT_PARTS];
    double weights[SPLIT_PARTS];
    size_t count;
};

bool split_shares_parse(struct split_shares *shares, const char *text, struct error *error);
void split_shares_free(struct split_shares *shares);

/*
 * "weak=train,validation=test,elicit=test+train": which of the dataset's own splits a part takes
 * its problems from, in that order. A part that is not named takes what the others leave.
 */
struct split_sources {
    char *text;
    const char *names[SPLIT_PARTS][SPLIT_SOURCES]; /* [part of the shares] */
    size_t counts[SPLIT_PARTS];
};

/* Every part named must be one of the shares. */
bool split_sources_parse(struct split_sources *sources, const struct split_shares *shares,
                         const char *text, struct error *error);
void split_sources_free(struct split_sources *sources);

struct split {
    uint64_t seed;
    struct id_index ids;     /* keys drawn from seed and id decide the order in a domain */
    struct id_index domains; /* strata */
    struct id_index sources; /* the dataset's own splits */
    uint32_t *stratum;       /* [ids] */
    uint32_t *source;        /* [ids] */
    size_t capacity;
    uint8_t *part; /* [ids], after split_cut() */
};

void split_init(struct split *split, uint64_t seed);
void split_free(struct split *split);

/*
 * Adds the next problem, of a domain and of one of the dataset's own splits (each may be empty);
 * its number is the count of those before it. Where the id was there already, that fails, and the
 * error tells both numbers (from 1).
 */
bool split_add(struct split *split, struct text id, struct text domain, struct text source,
               struct error *error);

/*
 * Decides all parts: within each domain the problems, in the order of their keys, are dealt out by
 * the shares; what does not divide goes to the parts with the largest remainders, earlier parts
 * first.
 *
 * With `sources` (may be NULL) each part takes them, in the order of their keys, from its splits;
 * those with fewer splits to take from go first. Where these do not suffice the rest comes from
 * what is left over: the number of such problems is returned. A set of one split has no sources.
 */
size_t split_cut(struct split *split, const struct split_shares *shares,
                 const struct split_sources *sources);

/* Name of the part of problem `number`, after split_cut(). */
const char *split_part(const struct split *split, const struct split_shares *shares, size_t number);

#endif
