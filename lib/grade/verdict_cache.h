/*
 * Verdicts that were reached before: a folder with one small file for each, named by a key over
 * everything that can change a verdict. Any number of processes may use one folder at once. A file
 * that is damaged is as good as none, and written anew.
 */
#ifndef LOCKPICK_GRADE_VERDICT_CACHE_H
#define LOCKPICK_GRADE_VERDICT_CACHE_H

#include "grade/code.h"

struct verdict_cache;

struct verdict_key {
    uint8_t bytes[16];
};

/* Makes the folder where it is not there. `identity` is the compiler's. */
struct verdict_cache *verdict_cache_open(const char *folder, const char *identity,
                                         const struct code_settings *settings, struct error *error);
void verdict_cache_close(struct verdict_cache *cache); /* NULL is fine */

/* XXH3-128 of program, tests, limits, compiler and options, and the version of our judging. */
struct verdict_key verdict_cache_key(const struct verdict_cache *cache, struct text code,
                                     const struct code_tests *tests);

/* Both may be called from several threads at once. */
bool verdict_cache_get(const struct verdict_cache *cache, const struct verdict_key *key,
                       struct code_grade *grade);
bool verdict_cache_put(const struct verdict_cache *cache, const struct verdict_key *key,
                       const struct code_grade *grade, struct error *error);

#endif
