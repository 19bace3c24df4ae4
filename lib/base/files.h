/*
 * Files that appear whole or not at all. A named regular file is written under no name (O_TMPFILE,
 * or a hidden name where the file system lacks it), synced, and then linked into its place; a pipe,
 * a device or standard output is written to directly. A directory is filled under a hidden fixed
 * name, locked against a second writer, and renamed.
 */
#ifndef LOCKPICK_BASE_FILES_H
#define LOCKPICK_BASE_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

struct output_file {
    int descriptor;
    char *path;      /* as named by the user, links followed; "standard output" for none */
    char *temporary; /* hidden name, NULL with O_TMPFILE or when direct */
    bool direct;     /* nothing to put in place at the end */
};

/*
 * `path` NULL or "-": standard output. Parent folders must exist. What a symbolic link points to is
 * replaced, not the link; a name below /dev or /proc is written to directly.
 */
bool output_open(struct output_file *file, const char *path, struct error *error);
bool output_write(struct output_file *file, const void *bytes, size_t size, struct error *error);
/* Syncs and puts it in place, replacing what was there. The file is closed either way. */
bool output_commit(struct output_file *file, struct error *error);
/* Closes it and leaves no trace. Does nothing after a commit. */
void output_abandon(struct output_file *file);

struct output_directory {
    char *path;
    char *partial; /* the hidden name it is filled under; write files here */
    int lock;      /* descriptor of `partial`, held under flock */
    bool replace;
};

/*
 * Makes an empty hidden directory beside `path`, clearing what a killed run left there. Fails when
 * `path` exists and `replace` is false ("-f replaces it"), or when another process is writing it.
 */
bool directory_open(struct output_directory *directory, const char *path, bool replace,
                    struct error *error);
/* Syncs the files and puts the directory in place; where it replaces one, there is no moment
 * without either (on file systems that can exchange names). */
bool directory_commit(struct output_directory *directory, struct error *error);
void directory_abandon(struct output_directory *directory);
/*
 * On a file system that cannot exchange names the old directory steps aside before the new one
 * takes its place. Where a kill came between, this puts the old one back; directory_open() does so
 * itself. Nobody else may be writing the directory.
 */
void directory_bring_back(const char *path);
/* Removes a directory that is written like that, and what a killed run left beside it; a kill
 * leaves it whole or gone. True also when there was nothing. */
bool directory_remove(const char *path, struct error *error);

/* Removes a file or a directory with all in it; true also when there was nothing. */
bool remove_tree(const char *path, struct error *error);

/* Copies the directory `from` into `to` (made where missing) by hard links: cheap, for files that
 * nobody changes in place. */
bool link_tree(const char *from, const char *to, struct error *error);

/* Whether there is a directory of that name. */
bool directory_exists(const char *path);

/* The whole file in memory, at most `limit` bytes; `buffer` is replaced. */
bool file_read(const char *path, size_t limit, struct buffer *buffer, struct error *error);
bool file_write(const char *path, const void *bytes, size_t size, struct error *error); /* atomic */

struct mapped_file {
    const uint8_t *data;
    size_t size;
};

bool file_map(struct mapped_file *file, const char *path, struct error *error);
void file_unmap(struct mapped_file *file);

char *path_join(const char *directory, const char *name); /* owned by the caller */

#endif
