/*
 * Options as a table. A tool lists its options once; from that list come the parsing, the range
 * checks, the text of --help, and the canonical arguments that provenance records. getopt_long
 * does the splitting (argp would print two-line errors of its own and exit by itself).
 */
#ifndef LOCKPICK_BASE_OPTIONS_H
#define LOCKPICK_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

/* What `target` points to, and what text is accepted. */
enum option_kind {
    OPTION_END,     /* ends a table */
    OPTION_FLAG,    /* bool; takes no argument */
    OPTION_TEXT,    /* const char * */
    OPTION_FILE,    /* const char *; a path: never in provenance */
    OPTION_INTEGER, /* int64_t within [minimum, maximum]; suffixes k, M, G are powers of 1000 */
    OPTION_REAL,    /* double within [minimum, maximum] */
    OPTION_SEED,    /* uint64_t */
    OPTION_CHOICE,  /* int: index into the words of `choices`, "greedy|sampled" */
    OPTION_TEXTS,   /* struct text_list; may be given several times */
};

/* Which options have no bearing on the bytes of the result, and so stay out of provenance. */
enum option_flags { OPTION_SILENT = 1 };

struct text_list {
    const char **items; /* the strings belong to argv; the array to the list */
    size_t count;
};

struct option_entry {
    enum option_kind kind;
    char letter;          /* 0: long form only */
    const char *name;     /* long form without dashes */
    const char *argument; /* its name in --help; NULL for flags */
    void *target;
    const char *help;
    double minimum, maximum; /* both 0: unbounded (numbers) */
    const char *choices;
    unsigned flags;
};

struct operands {
    char **items; /* what is left of argv, in order; borrowed from argv */
    size_t count;
};

/*
 * Reads argv by the table. Appends to `canonical` one line "--name=value\n" for every option given
 * that provenance should know, in the order of the table. False: wrong usage, said in `error`.
 */
bool options_parse(const struct option_entry *table, int argc, char **argv,
                   struct operands *operands, struct buffer *canonical, struct error *error);

/* The two-column list of a table, as --help prints it. */
void options_describe(const struct option_entry *table, struct buffer *text);

/* One number as options read it: "64", "10k", "2M". */
bool parse_integer(const char *text, int64_t *value);
bool parse_real(const char *text, double *value);

void text_list_free(struct text_list *list);

#endif
