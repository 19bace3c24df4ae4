/*
 * The sides of a lock set joined by id: which problems there are, and where each side has them.
 * Private to the lock set.
 */
#ifndef LOCKPICK_TASK_LOCK_SET_JOIN_H
#define LOCKPICK_TASK_LOCK_SET_JOIN_H

#include "task/completions.h"
#include "task/lock_set_passwords.h"

struct lock_problem {
    uint32_t number[LOCK_SIDES]; /* of its id among each side's */
    uint32_t entry;              /* of its domain among the passwords */
};

/* All zero is an empty one. */
struct lock_join {
    struct completions *side[LOCK_SIDES]; /* NULL: there is no such side */
    struct lock_problem *problems;        /* in the order of the weak side */
    size_t count;
    uint64_t held_out; /* problems of held-out domains, which are not among them */
};

/*
 * Reads the streams and joins them. Fails as lock_set_open() says; `passwords` were read before.
 */
bool lock_join_read(struct lock_join *join, const struct lock_settings *settings,
                    const struct lock_passwords *passwords, struct error *error);
void lock_join_free(struct lock_join *join);

/* The id of a completion held; borrowed from the record. */
struct text lock_id(const struct record *record);
/* Puts stream and id in front of the error; false. */
bool lock_place(const char *stream, const struct record *record, struct error *error);

#endif
