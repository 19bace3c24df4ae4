/* Reading a description and what it names: see description.h. */
#include "result/description.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "record/stream.h"
#include "stats/svg_inline.h"

enum { JSON_LIMIT = 4 << 20, PICTURE_LIMIT = 64 << 20, SOURCES_LIMIT = 100 };

static void sources_free(struct sources *sources) {
    for (size_t i = 0; i < sources->count; i++) {
        free(sources->items[i].name);
        buffer_free(&sources->items[i].picture);
    }
    free(sources->items);
}

void description_free(struct description *description) {
    sources_free(&description->results);
    sources_free(&description->pictures);
    sources_free(&description->narrow);
    rows_free(&description->rows);
    rows_free(&description->table);
    claims_free(&description->claims);
    free(description->id);
    json_decref(description->json);
    *description = (struct description){0};
}

/* "data/figures/figure3.json" as "figure3". */
static char *id_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *id = copy_text(slash ? slash + 1 : path);
    char *dot = strrchr(id, '.');
    if (dot && dot > id)
        *dot = '\0';
    for (char *c = id; *c; c++)
        if (!isalnum((unsigned char)*c))
            *c = '-';
    return id;
}

/* ---- files ---- */

/* A name, or a list of names. */
static bool name_sources(const json_t *json, const char *key, struct sources *sources,
                         struct error *error) {
    const json_t *value = json_object_get(json, key);
    const size_t count = json_is_array(value) ? json_array_size(value) : value ? 1 : 0;
    if (count > SOURCES_LIMIT)
        return error_set(error, "'%s' names more than %d files", key, SOURCES_LIMIT);
    sources->items = allocate(count, sizeof *sources->items);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        if (!json_is_string(item) || json_string_length(item) == 0)
            return error_set(error, "'%s' is neither a file's name nor a list of them", key);
        sources->items[sources->count++].name = copy_text(json_string_value(item));
    }
    return true;
}

/* False with an error where the file is there but out of reach. */
static bool look_for(struct source *source, const char *path, struct error *error) {
    source->found = access(path, R_OK) == 0;
    return source->found || errno == ENOENT || errno == ENOTDIR ||
           error_set_errno(error, "%s", path);
}

static bool read_rows(struct source *source, const char *path, struct rows *rows,
                      struct error *error) {
    struct record_reader *reader = record_reader_open(path, error);
    if (reader == NULL)
        return false;
    struct record row = {0};
    enum read_result result;
    bool fine = true;
    while (fine && (result = record_reader_next(reader, &row, error)) == READ_RECORD)
        fine = rows_add_copy(rows, &row, error) ||
               error_place(error, "%s: record %zu", path, rows->count + 1);
    fine = fine && result == READ_END;
    if (fine)
        memcpy(source->digest, record_reader_digest(reader), sizeof source->digest - 1);
    record_free(&row);
    record_reader_close(reader);
    return fine;
}

static bool read_picture(struct source *source, const char *path, const char *prefix,
                         const char *class_name, struct error *error) {
    struct buffer svg = {0};
    const bool fine = file_read(path, PICTURE_LIMIT, &svg, error) &&
                      (svg_inline((struct text){(const char *)svg.data, svg.size}, prefix,
                                  class_name, &source->picture, error) ||
                       error_place(error, "%s", path));
    buffer_free(&svg);
    return fine;
}

static bool read_pictures(struct sources *sources, const char *root, const char *prefix,
                          const char *class_name, struct error *error) {
    bool fine = true;
    for (size_t i = 0; fine && i < sources->count; i++) {
        struct source *source = &sources->items[i];
        char *path = path_join(root, source->name);
        char *own = format_text("%s-%zu", prefix, i);
        fine = look_for(source, path, error) &&
               (!source->found || read_picture(source, path, own, class_name, error));
        free(path);
        free(own);
    }
    return fine;
}

static bool read_results(struct description *description, const char *root, struct error *error) {
    bool fine = true;
    for (size_t i = 0; fine && i < description->results.count; i++) {
        struct source *source = &description->results.items[i];
        char *path = path_join(root, source->name);
        fine = look_for(source, path, error) &&
               (!source->found || read_rows(source, path, &description->rows, error));
        free(path);
    }
    return fine;
}

/* ---- the table ---- */

static void add_table_row(struct description *description, const struct record *row,
                          const json_t *columns) {
    struct record *shown = rows_add(&description->table);
    size_t index;
    const json_t *column;
    if (columns == NULL)
        record_copy(shown, row);
    json_array_foreach(columns, index, column) {
        const char *field = json_string_value(column);
        const struct value *value = record_find(row, field);
        const uint8_t nil = 0xc0;
        record_set_value(shown, field, value ? *value : (struct value){&nil, 1});
    }
}

static bool check_columns(const json_t *columns, struct error *error) {
    size_t index;
    const json_t *column;
    bool fine = columns == NULL || (json_is_array(columns) && json_array_size(columns) > 0);
    json_array_foreach(columns, index, column) {
        fine = fine && json_is_string(column);
    }
    return fine || error_set(error, "table: 'columns' is no list of fields");
}

static bool make_table(struct description *description, struct error *error) {
    static const char *const keys[] = {"columns", "where", NULL};
    const json_t *table = json_object_get(description->json, "table");
    const json_t *columns = json_object_get(table, "columns");
    const json_t *where_json = json_object_get(table, "where");
    struct conditions where = {0};
    if (table && !json_is_object(table))
        return error_set(error, "'table' is no object with columns and where");
    if ((table && !json_known_keys(table, keys, error)) || !check_columns(columns, error))
        return error_place(error, "table");
    const bool fine = where_json == NULL || conditions_from_json(&where, where_json, error);
    for (size_t i = 0; fine && i < description->rows.count; i++)
        if (conditions_hold(&where, &description->rows.items[i]))
            add_table_row(description, &description->rows.items[i], columns);
    conditions_free(&where);
    return fine;
}

/* ---- all of it ---- */

static bool check_paragraphs(const json_t *json, const char *key, bool required,
                             struct error *error) {
    const json_t *value = json_object_get(json, key);
    size_t index;
    const json_t *item;
    bool fine = value == NULL ? !required : json_is_string(value) || json_is_array(value);
    json_array_foreach(value, index, item) {
        fine = fine && json_is_string(item);
    }
    return fine || error_set(error, "'%s' is %s; text or a list of texts would be right", key,
                             value ? "neither" : "missing");
}

static bool check_claims(struct description *description, struct error *error) {
    const json_t *json = description->json, *where_json = json_object_get(json, "where");
    struct conditions where = {0};
    const struct measuring measuring = {&description->rows, json_object_get(json, "values"),
                                        &where};
    const bool fine = (where_json == NULL || conditions_from_json(&where, where_json, error)) &&
                      claims_check(json_object_get(json, "claims"), &measuring,
                                   json_object_get(json, "labels"), &description->claims, error);
    conditions_free(&where);
    return fine;
}

static bool read_all(struct description *description, const char *path, const char *root,
                     size_t number, struct error *error) {
    static const char *const keys[] = {"name",   "title",  "results", "svg",   "narrow",
                                       "paper",  "note",   "command", "where", "values",
                                       "labels", "claims", "table",   NULL};
    const json_t *json = description->json;
    char *prefix = format_text("p%zu", number), *narrow_prefix = format_text("n%zu", number);
    const bool fine = json_known_keys(json, keys, error) &&
                      json_get_text(json, "name", true, NULL, &description->name, error) &&
                      json_get_text(json, "title", true, NULL, &description->title, error) &&
                      json_get_text(json, "command", false, NULL, &description->command, error) &&
                      check_paragraphs(json, "paper", true, error) &&
                      check_paragraphs(json, "note", false, error) &&
                      name_sources(json, "results", &description->results, error) &&
                      name_sources(json, "svg", &description->pictures, error) &&
                      name_sources(json, "narrow", &description->narrow, error);
    bool read = fine;
    if (!fine)
        error_place(error, "%s", path);
    else
        read = read_results(description, root, error) &&
               read_pictures(&description->pictures, root, prefix, "wide", error) &&
               read_pictures(&description->narrow, root, narrow_prefix, "narrow", error) &&
               ((check_claims(description, error) && make_table(description, error)) ||
                error_place(error, "%s", path));
    free(prefix);
    free(narrow_prefix);
    return read;
}

bool description_read(struct description *description, const char *path, const char *root,
                      size_t number, struct error *error) {
    *description = (struct description){.json = json_file(path, JSON_LIMIT, error)};
    if (description->json == NULL)
        return false;
    description->id = id_of(path);
    if (read_all(description, path, root, number, error))
        return true;
    description_free(description);
    return false;
}
