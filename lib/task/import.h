/*
 * Published datasets and plain tables to problems (DESIGN 2: what a problem is judged by).
 *
 * A problem's id is the source's where it has one that names the problem (MBPP, HumanEval, APPS),
 * else it is made from the problem's content, so that the same problem has the same id in whatever
 * form the dataset came, and lands in the same part of a split.
 */
#ifndef LOCKPICK_TASK_IMPORT_H
#define LOCKPICK_TASK_IMPORT_H

#include "record/filter.h"

enum import_format {
    IMPORT_APPS,
    IMPORT_MBPP,
    IMPORT_MATH,
    IMPORT_MMLU,
    IMPORT_HUMANEVAL,
    IMPORT_JSON,
    IMPORT_CSV,
    IMPORT_TSV,
};
#define IMPORT_FORMATS "apps|mbpp|math|mmlu|humaneval|json|csv|tsv" /* for OPTION_CHOICE */

struct import_settings {
    int format;           /* enum import_format */
    const char *task;     /* json, csv, tsv: the field `task`; NULL: as the source says */
    const char *split;    /* the field `split`; NULL: from the names of files and folders */
    const char *groups;   /* file of domain groups; NULL: the one that comes with lockpick */
    const char *columns;  /* csv, tsv without a line of names: the names, "a,b,c" */
    struct text_list map; /* json, csv, tsv: "field=column" */
    bool name_group;      /* mmlu: the group stands in the prompt */
    bool functions;       /* apps: keep problems that ask for a function, to be restated */
    bool only_functions;  /* apps: keep those alone */
    bool no_shot;         /* mmlu: no worked example, none set aside */
    struct filter_settings filter;
};

/*
 * Reads all operands (none: standard input), writes the problems, prints the summary: the whole
 * tool but its command line.
 */
bool import_set(const struct invocation *invocation, const struct import_settings *settings,
                struct error *error);

#endif
