/* Folders with a file, or a folder, for each problem. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/tool.h"
#include "task/import_rows.h"

enum { FOLDER_DEPTH = 8 };

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static bool walk(const char *folder, int depth, const struct folder_visitor *visitor,
                 struct error *error);

static bool visit(const char *path, int depth, const struct folder_visitor *visitor,
                  struct error *error) {
    bool is_folder = directory_exists(path);

    if (stop_requested())
        return error_set(error, "%s: stopped by a signal", path);
    if (is_folder && visitor->enter(visitor->context, path))
        return walk(path, depth + 1, visitor, error);
    return visitor->visit(visitor->context, path, is_folder, error);
}

static bool walk(const char *folder, int depth, const struct folder_visitor *visitor,
                 struct error *error) {
    struct dirent **entries = NULL;

    if (depth > FOLDER_DEPTH)
        return error_set(error, "%s: folders lie deeper than %d", folder, FOLDER_DEPTH);
    int count = scandir(folder, &entries, is_visible, by_name);
    if (count < 0)
        return error_set_errno(error, "%s: cannot be read", folder);
    bool fine = true;
    for (int i = 0; i < count; i++) {
        char *path = path_join(folder, entries[i]->d_name);
        fine = fine && visit(path, depth, visitor, error);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return fine;
}

bool rows_walk(const char *folder, const struct folder_visitor *visitor, struct error *error) {
    return walk(folder, 0, visitor, error);
}
