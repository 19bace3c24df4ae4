/*
 * Inside of the importer: the rows of a dataset, whatever they lie in. A row is a record of the
 * source's own fields. It comes from
 *
 *     JSON lines, a JSON array, or a page of a dataset hub's rows ({"rows":[{"row":{…}},…]}),
 *     a table (CSV, TSV),
 *     or a folder with a file for each problem, read in the order of their names.
 */
#ifndef LOCKPICK_TASK_IMPORT_ROWS_H
#define LOCKPICK_TASK_IMPORT_ROWS_H

#include "record/record.h"

struct row {
    struct record fields;
    char place[512];  /* "train.jsonl: line 12" */
    const char *path; /* of the file or folder it comes from; NULL: standard input */
};

/* What becomes of rows. Each returns false, with an error, to stop. */
struct row_sink {
    bool (*take)(void *context, const struct row *row, struct error *error);
    /* A line that is no row, for the reason in `error`, which has its place already. */
    bool (*refuse)(void *context, struct text line, struct error *error);
    void *context;
};

/* Rows of a file (NULL or "-": standard input) that holds JSON in any of the forms above. */
bool rows_read_json(const char *path, const struct row_sink *sink, struct error *error);

/*
 * Rows of a table; every field is text. The first line names the columns, unless `columns`
 * ("question,answer") does. All rows must have as many fields.
 */
bool rows_read_table(const char *path, char separator, const char *columns,
                     const struct row_sink *sink, struct error *error);

/*
 * Visits the files below `folder` in the order of their names, down to 8 levels. `enter` says
 * whether to go into a folder below it; what it says no to is visited as well.
 */
struct folder_visitor {
    bool (*enter)(void *context, const char *path);
    bool (*visit)(void *context, const char *path, bool is_folder, struct error *error);
    void *context;
};
bool rows_walk(const char *folder, const struct folder_visitor *visitor, struct error *error);

/* ---- what readers share ---- */

enum { DOCUMENT_LIMIT = 256 << 20 }; /* bytes of a row or of a JSON document, at most */

/* Without the byte order mark that a file may begin with. */
struct text row_past_mark(struct text line, uint64_t number);
bool row_is_blank(struct text line);
/* Puts the place in front of the error and hands the line to the sink. */
bool row_refuse(const struct row_sink *sink, struct text line, const char *place,
                struct error *error);
/* Where text stops being UTF-8; its size where it does not. */
size_t row_utf8_prefix(struct text text);
/* Whether a field's text is UTF-8; the error names the byte where it is not. */
bool row_check_text(const char *field, struct text text, struct error *error);

#endif
