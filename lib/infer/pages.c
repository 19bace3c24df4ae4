/* Pages: counts of holders, a hash of what is shared, a list of what may be given anew. */
#include "infer/pages.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { NONE = -1 };

struct page {
    int32_t holders;  /* sequences */
    int32_t children; /* published pages behind this one */
    int32_t parent;   /* of a published page */
    int32_t next;     /* in its chain of the hash table, or in the list of free pages */
    int32_t older, newer;
    bool published;
    bool idle; /* in the list from oldest to newest */
};

struct pages {
    int64_t count;
    int64_t held;       /* pages with holders */
    int64_t idle_count; /* pages in the list from oldest to newest */
    int64_t fresh;      /* pages from here on were never used */
    struct page *page;
    int32_t *tokens; /* [count, PAGE_SIZE], of published pages */
    int32_t *chains; /* heads of the hash table's chains */
    uint64_t mask;
    int32_t free;           /* used before and forgotten */
    int32_t oldest, newest; /* published, without holders and children */
};

struct pages *pages_open(int64_t count) {
    struct pages *pages = allocate(1, sizeof *pages);
    uint64_t size = 16;
    while (size < (uint64_t)count)
        size *= 2;
    *pages = (struct pages){
        .count = count, .mask = size - 1, .free = NONE, .oldest = NONE, .newest = NONE};
    pages->page = allocate((size_t)count, sizeof *pages->page);
    pages->tokens = allocate((size_t)count * PAGE_SIZE, sizeof *pages->tokens);
    pages->chains = allocate(size, sizeof *pages->chains);
    for (uint64_t i = 0; i < size; i++)
        pages->chains[i] = NONE;
    return pages;
}

void pages_close(struct pages *pages) {
    if (pages == NULL)
        return;
    free(pages->page);
    free(pages->tokens);
    free(pages->chains);
    free(pages);
}

int64_t pages_available(const struct pages *pages) {
    return pages->count - pages->held;
}

/* ---- the list of idle pages ---- */

static void idle_add(struct pages *pages, int32_t at) {
    struct page *page = &pages->page[at];
    page->idle = true;
    pages->idle_count++;
    page->older = pages->newest;
    page->newer = NONE;
    if (pages->newest != NONE)
        pages->page[pages->newest].newer = at;
    else
        pages->oldest = at;
    pages->newest = at;
}

static void idle_remove(struct pages *pages, int32_t at) {
    struct page *page = &pages->page[at];
    page->idle = false;
    pages->idle_count--;
    if (page->older != NONE)
        pages->page[page->older].newer = page->newer;
    else
        pages->oldest = page->newer;
    if (page->newer != NONE)
        pages->page[page->newer].older = page->older;
    else
        pages->newest = page->older;
}

/* Puts a page that nobody holds where it belongs. */
static void settle(struct pages *pages, int32_t at) {
    struct page *page = &pages->page[at];
    if (page->holders > 0 || page->children > 0)
        return;
    if (page->published) {
        idle_add(pages, at);
    } else {
        page->next = pages->free;
        pages->free = at;
    }
}

/* ---- the hash of shared pages ---- */

static int32_t *chain_of(const struct pages *pages, int32_t parent, const int32_t *tokens) {
    uint64_t hash = XXH3_64bits_withSeed(tokens, PAGE_SIZE * sizeof *tokens, (uint64_t)parent);
    return &pages->chains[hash & pages->mask];
}

static int32_t lookup(const struct pages *pages, int32_t parent, const int32_t *tokens) {
    int32_t at = *chain_of(pages, parent, tokens);
    while (at != NONE &&
           (pages->page[at].parent != parent || memcmp(pages->tokens + (int64_t)at * PAGE_SIZE,
                                                       tokens, PAGE_SIZE * sizeof *tokens) != 0))
        at = pages->page[at].next;
    return at;
}

static void forget(struct pages *pages, int32_t at) {
    struct page *page = &pages->page[at];
    int32_t *link = chain_of(pages, page->parent, pages->tokens + (int64_t)at * PAGE_SIZE);
    while (*link != at)
        link = &pages->page[*link].next;
    *link = page->next;
    page->published = false;
    if (page->parent != NONE) {
        pages->page[page->parent].children--;
        settle(pages, page->parent);
    }
}

/* ---- holding ---- */

static void hold(struct pages *pages, int32_t at) {
    struct page *page = &pages->page[at];
    if (page->idle)
        idle_remove(pages, at);
    if (page->holders++ == 0)
        pages->held++;
}

/*
 * Memory that was never touched costs nothing, so it is taken last but for one case: while there
 * are fewer idle pages than held ones those may stay, for their prompts may come again.
 */
int32_t pages_take(struct pages *pages) {
    int32_t at = pages->free;
    bool untouched = pages->fresh < pages->count;
    if (at != NONE) {
        pages->free = pages->page[at].next;
    } else if (untouched && pages->idle_count <= pages->held) {
        at = (int32_t)pages->fresh++;
    } else {
        at = pages->oldest;
        if (at == NONE)
            return NONE;
        idle_remove(pages, at);
        forget(pages, at);
    }
    hold(pages, at);
    return at;
}

void pages_release(struct pages *pages, int32_t page) {
    if (--pages->page[page].holders > 0)
        return;
    pages->held--;
    settle(pages, page);
}

int32_t pages_find(struct pages *pages, int32_t parent, const int32_t *tokens) {
    int32_t at = lookup(pages, parent, tokens);
    if (at != NONE)
        hold(pages, at);
    return at;
}

void pages_publish(struct pages *pages, int32_t page, int32_t parent, const int32_t *tokens) {
    struct page *published = &pages->page[page];
    if (published->published || lookup(pages, parent, tokens) != NONE)
        return;
    int32_t *chain = chain_of(pages, parent, tokens);
    memcpy(pages->tokens + (int64_t)page * PAGE_SIZE, tokens, PAGE_SIZE * sizeof *tokens);
    published->published = true;
    published->parent = parent;
    published->next = *chain;
    *chain = page;
    if (parent != NONE)
        pages->page[parent].children++;
}
