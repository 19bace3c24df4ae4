/*
 * The passwords of a lock set: the right one or one for each domain, the intermediate policy's, the
 * decoys, and which of them an example gets. Private to the lock set.
 */
#ifndef LOCKPICK_TASK_LOCK_SET_PASSWORDS_H
#define LOCKPICK_TASK_LOCK_SET_PASSWORDS_H

#include "task/lock_set.h"

struct domain_password {
    struct text domain;
    struct text password;
};

/* All zero is an empty one. */
struct lock_passwords {
    const struct lock_settings *settings;
    struct buffer decoy_text, domain_text; /* what the entries point into */
    struct text *decoys;
    size_t decoy_count;
    struct domain_password *domains; /* in the order of the file; empty: one for all */
    size_t domain_count;
};

/*
 * Reads decoys and domain passwords. Fails where a password is empty, or stands for two things, or
 * has more words than a slot holds; the error names file and line.
 */
bool lock_passwords_read(struct lock_passwords *passwords, const struct lock_settings *settings,
                         struct error *error);
void lock_passwords_free(struct lock_passwords *passwords);

/* The entry of a domain; 0 where one password serves all. False with an error: it has none. */
bool lock_passwords_find(const struct lock_passwords *passwords, struct text domain, size_t *entry,
                         struct error *error);

/* A password as it was drawn. */
struct lock_password {
    struct text text; /* empty: none */
    const char *kind; /* what the field `password` says */
};

/* The password of an example for problem `id`, whose domain has entry `entry`. */
struct lock_password lock_passwords_draw(const struct lock_passwords *passwords,
                                         enum lock_side side, size_t entry, struct text id,
                                         int64_t epoch);

#endif
