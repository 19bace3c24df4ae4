/*
 * A description of a figure: a JSON file that says which rows and pictures belong to it, what the
 * paper's figure showed, and which claims are to be checked; and all of that, read.
 *
 *     {"name": "Figure 3", "title": "…",
 *      "results": "figure3/results.rec",       a stream of result rows, or a list of them
 *      "svg": "figure3/figure3.svg",           a picture, or a list of them
 *      "narrow": "figure3/narrow.svg",         those to show on a narrow screen instead
 *      "paper": "…", "note": "…",              paragraphs: text, or a list of texts
 *      "command": "…",                         what made the results
 *      "where": {"password": "none"},          conditions on all rows that claims speak of
 *      "values": {"floor": V, "ceiling": V},   numbers that claims name
 *      "labels": {"mini-math": "math"},        what values are called in claims
 *      "claims": […],                          see claim.h
 *      "table": {"columns": ["k", …], "where": {…}}}
 *
 * Names of files are relative to a root folder. Rows and pictures that are not there yet are told
 * as missing, not as an error.
 */
#ifndef LOCKPICK_RESULT_DESCRIPTION_H
#define LOCKPICK_RESULT_DESCRIPTION_H

#include "result/claim.h"

/* A file that the description names. */
struct source {
    char *name; /* relative to the root */
    bool found;
    char digest[33];       /* of rows */
    struct buffer picture; /* of a picture: its <svg> element, fit to stand in a page */
};

struct sources {
    struct source *items;
    size_t count;
};

struct description {
    json_t *json;
    char *id; /* the file's name without folder and ending, as an HTML id */
    const char *name, *title, *command; /* borrowed from the JSON; command may be NULL */
    struct sources results, pictures, narrow;
    struct rows rows;
    struct rows table; /* the rows and fields of the table */
    struct claims claims;
};

/* Reads the file and all that it names. `number` tells descriptions of one page apart. */
bool description_read(struct description *description, const char *path, const char *root,
                      size_t number, struct error *error);
void description_free(struct description *description);

#endif
