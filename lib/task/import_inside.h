/*
 * Inside of the importer: what its files share. A format turns a row into a problem, or into a
 * reason to leave it out.
 */
#ifndef LOCKPICK_TASK_IMPORT_INSIDE_H
#define LOCKPICK_TASK_IMPORT_INSIDE_H

#include "base/progress.h"
#include "task/domain_groups.h"
#include "task/id_index.h"
#include "task/import.h"
#include "task/import_rows.h"

/* What is left out, and counted; 0 for what is kept. */
enum import_fate {
    FATE_KEPT,
    FATE_FUNCTION,  /* asks for a function, not for a program */
    FATE_PROGRAM,   /* asks for a program, not for a function */
    FATE_UNTESTED,  /* has no tests */
    FATE_DUPLICATE, /* the very same problem came before */
    FATE_EXAMPLE,   /* of a split that only gives examples */
    FATES,
};

struct choice_pool;

struct importer {
    const struct import_settings *settings;
    struct record_writer *writer;
    struct record_writer *rejects;
    uint64_t rejected;
    uint64_t left_out[FATES];
    struct id_index ids;
    struct domain_groups groups;
    struct choice_pool *pool; /* mmlu: problems wait for their subject's example */
    struct record problem;    /* in work */
    struct buffer packed;     /* for the formats' use */
    struct progress progress;
};

/*
 * A format: fills `problem` (empty) from the row. Without `id`, one is made from the content. False
 * where the row is bad: the error names the field.
 */
typedef bool import_convert(struct importer *importer, const struct row *row,
                            struct record *problem, enum import_fate *fate, struct error *error);

import_convert convert_apps, convert_mbpp, convert_math, convert_mmlu, convert_humaneval,
    convert_plain;

/* Folders: APPS has one for each problem, whose files become one row. */
bool apps_is_problem(const char *folder);
bool apps_read_problem(const char *folder, const struct row_sink *sink, struct error *error);

/* Checks that the id is new and writes the problem. */
bool import_write(struct importer *importer, const struct record *problem, struct error *error);
/* The row is bad: sets it aside, or returns false. */
bool import_reject(struct importer *importer, const struct record *row, struct error *error);

/* The split that a file belongs to by its name and its folders' names; NULL where they do not say.
 */
const char *split_of_path(const char *path);

/* "NAME-" and 16 hex digits made from the parts, up to one without bytes; borrowed from `id`. */
struct text content_id(const char *name, const struct text *parts, char id[64]);

/* Copies a text field of the row, under another name or its own; one that is missing is an error
 * where `required`. */
bool copy_field(const struct record *row, const char *from, struct record *problem, const char *to,
                bool required, struct error *error);

/* ---- multiple choice: the pool ---- */

/*
 * One worked example for each subject stands before all of its questions: of the dev split where
 * there is one, else a question set aside; the first by the hash of its content. So problems wait
 * in memory until all have come.
 */
struct choice_pool *choice_pool_open(void);
void choice_pool_free(struct choice_pool *pool); /* NULL is fine */
bool choice_pool_add(struct choice_pool *pool, const struct record *problem, struct error *error);
/* Writes them with their `shot`; those set aside are counted in `examples`. */
bool choice_pool_write(struct choice_pool *pool, struct importer *importer, uint64_t *examples,
                       struct error *error);

#endif
