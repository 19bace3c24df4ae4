/* Finding the files that come with lockpick. */
#include "text/data_file.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/memory.h"

/* As seen from the folder of the program: build/VARIANT/bin, PREFIX/libexec/lockpick/bin. */
static const char *const places[] = {"../../../data", "../../../share/lockpick/data"};
enum { PLACES = sizeof places / sizeof *places };

/* The folder of the running program, ended by a slash; false where the system does not tell. */
static bool program_folder(char path[PATH_MAX]) {
    ssize_t size = readlink("/proc/self/exe", path, PATH_MAX - 1);

    if (size <= 0)
        return false;
    path[size] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    slash[1] = '\0';
    return true;
}

static char *data_folder(struct error *error) {
    const char *named = getenv("LOCKPICK_DATA");
    char program[PATH_MAX] = "";

    if (named != NULL && *named != '\0') {
        if (directory_exists(named))
            return copy_text(named);
        error_set(error, "%s: no folder of that name; LOCKPICK_DATA must name lockpick's data",
                  named);
        return NULL;
    }
    for (size_t i = 0; i < PLACES && program_folder(program); i++) {
        char *folder = format_text("%s%s", program, places[i]);
        if (directory_exists(folder))
            return folder;
        free(folder);
    }
    error_set(error,
              "lockpick's data folder is neither in %s%s nor in %s%s; LOCKPICK_DATA=DIR tells "
              "where it is",
              program, places[0], program, places[1]);
    return NULL;
}

char *data_file(const char *name, struct error *error) {
    char *folder = data_folder(error);

    if (folder == NULL)
        return NULL;
    char *path = path_join(folder, name);
    free(folder);
    return path;
}
