/* Lines of text. A line is held in memory as far as it has arrived, up to the size of a record. */
#include "record/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tool.h"
#include "record/frames.h"

enum { READ_SIZE = 256 << 10 };

struct line_reader {
    char *name;
    int descriptor;
    struct buffer bytes;
    size_t at; /* where the next line begins */
    uint64_t number;
    bool over;
};

struct line_reader *line_reader_open(const char *path, struct error *error) {
    bool standard = path == NULL || strcmp(path, "-") == 0;
    int descriptor = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        error_set_errno(error, "%s: cannot be read", path);
        return NULL;
    }
    struct line_reader *reader = allocate(1, sizeof *reader);
    reader->name = copy_text(standard ? "standard input" : path);
    reader->descriptor = descriptor;
    return reader;
}

/* Reads more behind what is left of the line in work. */
static bool read_more(struct line_reader *reader, struct error *error) {
    size_t left = reader->bytes.size - reader->at;
    if (left > RECORD_LIMIT)
        return error_set(error, "%s: line %llu is longer than %d MiB; split it", reader->name,
                         (unsigned long long)reader->number + 1, RECORD_LIMIT >> 20);
    if (reader->at > 0 && left > 0)
        memmove(reader->bytes.data, reader->bytes.data + reader->at, left);
    reader->at = 0;
    reader->bytes.size = left;
    uint8_t *place = buffer_reserve(&reader->bytes, READ_SIZE);
    for (;;) {
        ssize_t got = read(reader->descriptor, place, READ_SIZE);
        if (got >= 0) {
            reader->bytes.size += (size_t)got;
            reader->over = got == 0;
            return true;
        }
        if (errno == EINTR && stop_requested())
            return error_set(error, "%s: stopped by a signal", reader->name);
        if (errno != EINTR)
            return error_set_errno(error, "%s: cannot be read", reader->name);
    }
}

bool line_reader_next(struct line_reader *reader, struct text *line, struct error *error) {
    size_t searched = 0;
    buffer_reserve(&reader->bytes, 1); /* so that there is an address to count from */
    for (;;) {
        size_t left = reader->bytes.size - reader->at;
        const char *start = (const char *)reader->bytes.data + reader->at;
        const char *newline =
            left > searched ? memchr(start + searched, '\n', left - searched) : NULL;
        if (newline == NULL && !reader->over) {
            searched = left;
            if (!read_more(reader, error))
                return false;
            continue;
        }
        if (newline == NULL && left == 0)
            return false;
        *line = (struct text){start, newline != NULL ? (size_t)(newline - start) : left};
        reader->at += line->size + (newline != NULL);
        reader->number++;
        return true;
    }
}

const char *line_reader_name(const struct line_reader *reader) {
    return reader->name;
}

uint64_t line_reader_number(const struct line_reader *reader) {
    return reader->number;
}

void line_reader_close(struct line_reader *reader) {
    if (reader == NULL)
        return;
    if (reader->descriptor != STDIN_FILENO)
        close(reader->descriptor);
    buffer_free(&reader->bytes);
    free(reader->name);
    free(reader);
}
