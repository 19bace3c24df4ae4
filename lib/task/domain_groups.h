/*
 * Domain groups: few, salient domains made of a dataset's many subjects (paper E.3). A file has one
 * subject a line, "subject<TAB>group"; a line that begins with # is a comment.
 */
#ifndef LOCKPICK_TASK_DOMAIN_GROUPS_H
#define LOCKPICK_TASK_DOMAIN_GROUPS_H

#include "base/error.h"
#include "base/memory.h"

struct domain_group {
    struct text subject; /* as the file spells it */
    char *group;
};

struct domain_groups {
    char *path;
    struct buffer text; /* what the subjects point into */
    struct domain_group *entries;
    size_t count;
};

/* `path` NULL: data/groups/NAME.tsv of lockpick's data. */
bool domain_groups_read(struct domain_groups *groups, const char *path, const char *name,
                        struct error *error);
void domain_groups_free(struct domain_groups *groups);

/*
 * The group of a subject, whose spelling counts only by its letters and digits ("Counting &
 * Probability" is counting_and_probability); NULL and an error where it has none.
 */
const char *domain_groups_find(const struct domain_groups *groups, struct text subject,
                               struct error *error);

#endif
