/* Domain groups. */
#include "task/domain_groups.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "text/data_file.h"

enum { GROUP_FILE = 1 << 20 }; /* bytes, at most */

static bool add_line(struct domain_groups *groups, struct text line, struct error *error) {
    if (line.size > 0 && line.bytes[line.size - 1] == '\r')
        line.size--;
    if (line.size == 0 || *line.bytes == '#')
        return true;
    const char *tab = memchr(line.bytes, '\t', line.size);
    const char *end = line.bytes + line.size;
    if (tab == NULL || tab == line.bytes || tab + 1 == end ||
        memchr(tab + 1, '\t', (size_t)(end - tab - 1)) != NULL)
        return error_set(error, "a subject, a tab and a group would be right");
    groups->entries = reallocate(groups->entries, groups->count + 1, sizeof *groups->entries);
    groups->entries[groups->count++] =
        (struct domain_group){{line.bytes, (size_t)(tab - line.bytes)},
                              format_text("%.*s", (int)(end - tab - 1), tab + 1)};
    return true;
}

static bool read_lines(struct domain_groups *groups, struct error *error) {
    size_t start = 0;

    if (!file_read(groups->path, GROUP_FILE, &groups->text, error))
        return false;
    for (size_t line = 1; start < groups->text.size; line++) {
        const char *bytes = (const char *)groups->text.data + start;
        const char *newline = memchr(bytes, '\n', groups->text.size - start);
        size_t size = newline != NULL ? (size_t)(newline - bytes) : groups->text.size - start;
        start += size + 1;
        if (!add_line(groups, (struct text){bytes, size}, error))
            return error_place(error, "%s: line %zu", groups->path, line);
    }
    return true;
}

bool domain_groups_read(struct domain_groups *groups, const char *path, const char *name,
                        struct error *error) {
    *groups = (struct domain_groups){0};
    if (path != NULL) {
        groups->path = copy_text(path);
    } else {
        char *file = format_text("groups/%s.tsv", name);
        groups->path = data_file(file, error);
        free(file);
    }
    if (groups->path != NULL && read_lines(groups, error))
        return true;
    domain_groups_free(groups);
    return false;
}

void domain_groups_free(struct domain_groups *groups) {
    for (size_t i = 0; i < groups->count; i++)
        free(groups->entries[i].group);
    free(groups->entries);
    free(groups->path);
    buffer_free(&groups->text);
    *groups = (struct domain_groups){0};
}

/* The next letter or digit in lower case, "&" as the word "and"; 0 at the end. */
static char next_letter(struct text *text, unsigned *in_and) {
    while (text->size > 0) {
        char c = *text->bytes;
        if (c == '&' && *in_and < 3)
            return "and"[(*in_and)++];
        *in_and = 0;
        text->bytes++;
        text->size--;
        if (isalnum((unsigned char)c))
            return (char)tolower((unsigned char)c);
    }
    return 0;
}

static bool same_subject(struct text a, struct text b) {
    unsigned in_a = 0, in_b = 0;

    for (;;) {
        char left = next_letter(&a, &in_a), right = next_letter(&b, &in_b);
        if (left != right)
            return false;
        if (left == 0)
            return true;
    }
}

const char *domain_groups_find(const struct domain_groups *groups, struct text subject,
                               struct error *error) {
    for (size_t i = 0; i < groups->count; i++)
        if (same_subject(subject, groups->entries[i].subject))
            return groups->entries[i].group;
    error_set(error,
              "%s has no group for subject '%.*s'; a line with it, or --groups FILE, would "
              "be right",
              groups->path, subject.size < 80 ? (int)subject.size : 80, subject.bytes);
    return NULL;
}
