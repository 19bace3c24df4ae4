/* Atomic files and directories, whole-file reading, mapping. */
#include "base/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/tool.h"

char *path_join(const char *directory, const char *name) {
    return format_text("%s/%s", directory, name);
}

/* "dir/.name<suffix>" for "dir/name" (also for "dir/name/"). */
static char *hidden_name(const char *path, const char *suffix) {
    char *for_directory = copy_text(path), *for_name = copy_text(path);
    char *hidden = format_text("%s/.%s%s", dirname(for_directory), basename(for_name), suffix);
    free(for_directory);
    free(for_name);
    return hidden;
}

static void sync_parent(const char *path) {
    char *copy = copy_text(path);
    int descriptor = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        fsync(descriptor);
        close(descriptor);
    }
    free(copy);
}

/* ---- files ---- */

static mode_t new_file_mode(void) {
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static bool open_hidden(struct output_file *file, struct error *error) {
    char *copy = copy_text(file->path);
    file->descriptor = open(dirname(copy), O_TMPFILE | O_RDWR | O_CLOEXEC, new_file_mode());
    free(copy);
    if (file->descriptor >= 0)
        return true;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
        return error_set_errno(error, "%s: cannot be written", file->path);
    file->temporary = hidden_name(file->path, ".XXXXXX");
    file->descriptor = mkostemp(file->temporary, O_CLOEXEC);
    if (file->descriptor >= 0) {
        fchmod(file->descriptor, new_file_mode());
        return true;
    }
    free(file->temporary);
    file->temporary = NULL;
    return error_set_errno(error, "%s: cannot be written", file->path);
}

/*
 * Devices, pipes, and what goes by a name like /dev/stdout or /dev/fd/3: even if a regular file
 * lies behind that, its name here is a link of the system, which must not be replaced.
 */
static bool goes_direct(const char *path, const struct stat *status) {
    return !S_ISREG(status->st_mode) || strncmp(path, "/dev/", 5) == 0 ||
           strncmp(path, "/proc/", 6) == 0;
}

/* The path as named, or what it points to where it is a symbolic link to something. */
static char *follow_link(const char *path) {
    struct stat status;
    char *target = NULL;
    if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode))
        target = realpath(path, NULL);
    return target ? target : copy_text(path);
}

bool output_open(struct output_file *file, const char *path, struct error *error) {
    *file = (struct output_file){.descriptor = -1};
    if (path == NULL || strcmp(path, "-") == 0) {
        file->path = copy_text("standard output");
        file->descriptor = STDOUT_FILENO;
        file->direct = true;
        return true;
    }
    struct stat status;
    bool exists = stat(path, &status) == 0;
    if (exists && S_ISDIR(status.st_mode))
        return error_set(error, "%s: is a directory; a file name would be right", path);
    if (path[0] == '\0' || path[strlen(path) - 1] == '/')
        return error_set(error, "'%s' is no name of a file", path);
    bool fine;
    if (exists && goes_direct(path, &status)) {
        file->path = copy_text(path);
        file->direct = true;
        file->descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        fine = file->descriptor >= 0 || error_set_errno(error, "%s: cannot be written", path);
    } else {
        file->path = follow_link(path);
        fine = open_hidden(file, error);
    }
    if (!fine) {
        free(file->path);
        file->path = NULL;
    }
    return fine;
}

bool output_write(struct output_file *file, const void *bytes, size_t size, struct error *error) {
    const uint8_t *next = bytes;
    while (size > 0) {
        ssize_t written = write(file->descriptor, next, size);
        if (written > 0) {
            next += written;
            size -= (size_t)written;
        } else if (errno == EINTR && stop_requested()) {
            return error_set(error, "%s: stopped by a signal", file->path);
        } else if (errno == EPIPE) {
            return error_set(error, "%s: nobody reads it any more", file->path);
        } else if (errno != EINTR) {
            return error_set_errno(error, "%s: cannot be written", file->path);
        }
    }
    return true;
}

/* An unnamed file gets a hidden name first, since linkat() replaces nothing and rename() does. */
static bool put_in_place(struct output_file *file, struct error *error) {
    if (file->temporary == NULL) {
        char source[64];
        snprintf(source, sizeof source, "/proc/self/fd/%d", file->descriptor);
        if (linkat(AT_FDCWD, source, AT_FDCWD, file->path, AT_SYMLINK_FOLLOW) == 0)
            return true;
        char suffix[32];
        snprintf(suffix, sizeof suffix, ".%ld", (long)getpid());
        char *hidden = hidden_name(file->path, suffix);
        unlink(hidden);
        if (linkat(AT_FDCWD, source, AT_FDCWD, hidden, AT_SYMLINK_FOLLOW) != 0) {
            free(hidden);
            return error_set_errno(error, "%s: cannot be put in place", file->path);
        }
        file->temporary = hidden;
    }
    if (rename(file->temporary, file->path) != 0)
        return error_set_errno(error, "%s: cannot be put in place", file->path);
    free(file->temporary);
    file->temporary = NULL;
    return true;
}

bool output_commit(struct output_file *file, struct error *error) {
    if (file->path == NULL)
        return true;
    bool fine = true;
    if (!file->direct) {
        fine = fsync(file->descriptor) == 0 ||
               error_set_errno(error, "%s: cannot be written", file->path);
        fine = fine && put_in_place(file, error);
        if (fine)
            sync_parent(file->path);
    } else if (file->descriptor != STDOUT_FILENO) {
        fine = close(file->descriptor) == 0 ||
               error_set_errno(error, "%s: cannot be written", file->path);
        file->descriptor = -1;
    }
    output_abandon(file);
    return fine;
}

void output_abandon(struct output_file *file) {
    if (file->path == NULL)
        return;
    if (file->temporary != NULL)
        unlink(file->temporary);
    if (file->descriptor >= 0 && file->descriptor != STDOUT_FILENO)
        close(file->descriptor);
    free(file->temporary);
    free(file->path);
    *file = (struct output_file){.descriptor = -1};
}

/* ---- directories ---- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

bool remove_tree(const char *path, struct error *error) {
    struct stat status;
    if (lstat(path, &status) != 0)
        return errno == ENOENT || error_set_errno(error, "%s: cannot be removed", path);
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        return error_set_errno(error, "%s: cannot be removed", path);
    return true;
}

/* Removes all in the directory but the directory itself, whose lock we hold. */
static bool empty_directory(const char *path, struct error *error) {
    DIR *stream = opendir(path);
    if (stream == NULL)
        return error_set_errno(error, "%s: cannot be read", path);
    bool fine = true;
    struct dirent *entry;
    while (fine && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *inside = path_join(path, entry->d_name);
        fine = remove_tree(inside, error);
        free(inside);
    }
    closedir(stream);
    return fine;
}

static bool same_file(int descriptor, const char *path) {
    struct stat open_one, named_one;
    return fstat(descriptor, &open_one) == 0 && stat(path, &named_one) == 0 &&
           open_one.st_dev == named_one.st_dev && open_one.st_ino == named_one.st_ino;
}

/* Whoever held the lock before us may have moved the directory away while we took it: then again.
 */
static bool lock_partial(struct output_directory *directory, struct error *error) {
    enum { ATTEMPTS = 10 };
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (mkdir(directory->partial, 0777) != 0 && errno != EEXIST)
            return error_set_errno(error, "%s: cannot be written", directory->path);
        directory->lock = open(directory->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory->lock < 0 && errno == ENOENT)
            continue;
        if (directory->lock < 0)
            return error_set_errno(error, "%s: cannot be written", directory->path);
        if (flock(directory->lock, LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK)
                return error_set_errno(error, "%s: cannot be locked", directory->path);
            break;
        }
        if (same_file(directory->lock, directory->partial))
            return empty_directory(directory->partial, error);
        close(directory->lock);
        directory->lock = -1;
    }
    return error_set(error, "%s: another process is writing it; wait for that one",
                     directory->path);
}

static void directory_forget(struct output_directory *directory) {
    if (directory->lock >= 0)
        close(directory->lock);
    free(directory->path);
    free(directory->partial);
    *directory = (struct output_directory){.lock = -1};
}

void directory_bring_back(const char *path) {
    struct stat status;
    if (path[0] == '\0' || lstat(path, &status) == 0)
        return;
    char *old = hidden_name(path, ".old");
    if (directory_exists(old) && rename(old, path) == 0)
        sync_parent(path);
    free(old);
}

bool directory_open(struct output_directory *directory, const char *path, bool replace,
                    struct error *error) {
    *directory = (struct output_directory){.lock = -1, .replace = replace};
    struct stat status;
    if (path[0] == '\0')
        return error_set(error, "'' is no name of a directory");
    if (lstat(path, &status) == 0 && !replace)
        return error_set(error, "%s: exists already; -f would replace it", path);
    directory->path = copy_text(path);
    directory->partial = hidden_name(path, ".partial");
    if (!lock_partial(directory, error)) {
        directory_forget(directory);
        return false;
    }
    directory_bring_back(path);
    if (replace || lstat(path, &status) != 0)
        return true;
    directory_abandon(directory);
    return error_set(error, "%s: exists already; -f would replace it", path);
}

static int sync_entry(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status;
    (void)walk;
    if (kind != FTW_F && kind != FTW_DP)
        return 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return -1;
    int result = fsync(descriptor);
    close(descriptor);
    return result;
}

/* For file systems that cannot exchange two names: the old one steps aside first, and comes back if
 * the new one cannot take its place. */
static bool set_old_aside(struct output_directory *directory, struct error *error) {
    char *old = hidden_name(directory->path, ".old");
    struct error ignored;
    bool fine = remove_tree(old, error);
    if (fine && rename(directory->path, old) != 0)
        fine = error_set_errno(error, "%s: cannot be replaced", directory->path);
    if (fine && rename(directory->partial, directory->path) != 0) {
        fine = error_set_errno(error, "%s: cannot be put in place", directory->path);
        if (rename(old, directory->path) != 0)
            error_place(error, "the old one is now %s", old);
    }
    if (fine) {
        sync_parent(directory->path);
        remove_tree(old, &ignored);
    }
    free(old);
    return fine;
}

/* The new one and the old one exchange names in one step, so that a kill leaves one or the other;
 * the old one, locked until then, goes. */
static bool replace_old(struct output_directory *directory, struct error *error) {
    struct error ignored;
    if (!directory->replace)
        return error_set(error, "%s: exists already; -f would replace it", directory->path);
    int lock = open(directory->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (lock >= 0)
        flock(lock, LOCK_EX | LOCK_NB);
    bool fine =
        renameat2(AT_FDCWD, directory->partial, AT_FDCWD, directory->path, RENAME_EXCHANGE) == 0;
    if (fine) {
        sync_parent(directory->path);
        remove_tree(directory->partial, &ignored);
    } else if (errno == EINVAL || errno == ENOSYS) {
        fine = set_old_aside(directory, error);
    } else {
        error_set_errno(error, "%s: cannot be replaced", directory->path);
    }
    if (lock >= 0)
        close(lock);
    return fine;
}

bool directory_commit(struct output_directory *directory, struct error *error) {
    if (directory->path == NULL)
        return true;
    struct stat status;
    bool fine = nftw(directory->partial, sync_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 ||
                error_set_errno(error, "%s: cannot be written", directory->path);
    if (fine && lstat(directory->path, &status) == 0) {
        fine = replace_old(directory, error);
    } else if (fine) {
        fine = rename(directory->partial, directory->path) == 0 ||
               error_set_errno(error, "%s: cannot be put in place", directory->path);
        if (fine)
            sync_parent(directory->path);
    }
    if (fine)
        directory_forget(directory);
    else
        directory_abandon(directory);
    return fine;
}

void directory_abandon(struct output_directory *directory) {
    if (directory->path == NULL)
        return;
    struct error ignored;
    remove_tree(directory->partial, &ignored);
    directory_forget(directory);
}

bool directory_remove(const char *path, struct error *error) {
    struct output_directory directory;
    if (!directory_open(&directory, path, true, error))
        return false;
    char *aside = path_join(directory.partial, "old");
    bool fine = rename(path, aside) == 0 || errno == ENOENT ||
                error_set_errno(error, "%s: cannot be removed", path);
    free(aside);
    directory_abandon(&directory);
    return fine;
}

bool directory_exists(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool link_entry(const char *from, const char *to, struct error *error) {
    if (directory_exists(from))
        return link_tree(from, to, error);
    return link(from, to) == 0 || error_set_errno(error, "%s: cannot be linked", to);
}

bool link_tree(const char *from, const char *to, struct error *error) {
    DIR *stream = opendir(from);
    if (stream == NULL)
        return error_set_errno(error, "%s: cannot be read", from);
    bool fine =
        mkdir(to, 0777) == 0 || errno == EEXIST || error_set_errno(error, "%s: cannot be made", to);
    struct dirent *entry;
    while (fine && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *source = path_join(from, entry->d_name), *target = path_join(to, entry->d_name);
        fine = link_entry(source, target, error);
        free(source);
        free(target);
    }
    closedir(stream);
    return fine;
}

/* ---- whole files ---- */

bool file_read(const char *path, size_t limit, struct buffer *buffer, struct error *error) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return error_set_errno(error, "%s: cannot be read", path);
    buffer->size = 0;
    bool fine = true;
    for (;;) {
        buffer_reserve(buffer, 1 << 16);
        ssize_t got = read(descriptor, buffer->data + buffer->size, 1 << 16);
        if (got < 0 && errno == EINTR && !stop_requested())
            continue;
        if (got < 0)
            fine = error_set_errno(error, "%s: cannot be read", path);
        if (got <= 0)
            break;
        buffer->size += (size_t)got;
        if (buffer->size > limit) {
            fine = error_set(error, "%s: is larger than %zu bytes, which is too large for its kind",
                             path, limit);
            break;
        }
    }
    close(descriptor);
    return fine;
}

bool file_write(const char *path, const void *bytes, size_t size, struct error *error) {
    struct output_file file;
    if (!output_open(&file, path, error))
        return false;
    if (!output_write(&file, bytes, size, error)) {
        output_abandon(&file);
        return false;
    }
    return output_commit(&file, error);
}

bool file_map(struct mapped_file *file, const char *path, struct error *error) {
    *file = (struct mapped_file){0};
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) != 0) {
        error_set_errno(error, "%s: cannot be read", path);
        if (descriptor >= 0)
            close(descriptor);
        return false;
    }
    bool fine = S_ISREG(status.st_mode) || error_set(error, "%s: is no regular file", path);
    if (fine && status.st_size > 0) {
        void *memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        fine = memory != MAP_FAILED || error_set_errno(error, "%s: cannot be mapped", path);
        if (fine)
            *file = (struct mapped_file){memory, (size_t)status.st_size};
    }
    close(descriptor);
    return fine;
}

void file_unmap(struct mapped_file *file) {
    if (file->data != NULL)
        munmap((void *)(uintptr_t)file->data, file->size);
    *file = (struct mapped_file){0};
}
