/*
 * The book of the key/value cache's pages: which are held by running sequences, which still hold
 * the beginning of a prompt that others share, which are free. Only numbers live here; keys and
 * values lie on the device.
 *
 * A shared page is found by the page before it and its tokens, compared one by one, so that equal
 * beginnings and nothing else share memory. It stays after its last holder is gone, until its
 * place is needed: the one unused longest goes first, and never before the pages behind it.
 */
#ifndef LOCKPICK_INFER_PAGES_H
#define LOCKPICK_INFER_PAGES_H

#include <stdint.h>

#include "base/memory.h"

enum { PAGE_SIZE = 16 }; /* places (tokens) a page */

struct pages;

struct pages *pages_open(int64_t count);
void pages_close(struct pages *pages);

/* How many pages_take() would give now: those that no sequence holds. */
int64_t pages_available(const struct pages *pages);

/* A page held once by the caller, contents undefined; −1 when all are held. */
int32_t pages_take(struct pages *pages);

/* Gives a page back that was taken or found; what was published stays findable. */
void pages_release(struct pages *pages, int32_t page);

/* The page that holds these PAGE_SIZE tokens behind page `parent` (−1: at the beginning), held once
 * more; −1 where there is none. */
int32_t pages_find(struct pages *pages, int32_t parent, const int32_t *tokens);

/*
 * Makes a page that the caller holds, and whose `parent` it holds as well, findable. Where an equal
 * page is known already nothing happens.
 */
void pages_publish(struct pages *pages, int32_t page, int32_t parent, const int32_t *tokens);

#endif
