/*
 * Splitting a set of problems into parts.
 */
#include "task/split.h"

#include <stdlib.h>
#include <string.h>

#include "base/options.h"

/* ---- shares ---- */

static bool add_share(struct split_shares *shares, char *item, struct error *error) {
    char *equals = strchr(item, '=');
    double weight;

    if (equals == NULL || equals == item || !parse_real(equals + 1, &weight) || !(weight > 0) ||
        weight > 1e9)
        return error_set(error,
                         "share '%s': a name and a number above 0, as in weak=10, would be "
                         "right",
                         item);
    *equals = '\0';
    for (size_t i = 0; i < shares->count; i++)
        if (strcmp(shares->names[i], item) == 0)
            return error_set(error, "share '%s' stands twice", item);
    if (shares->count == SPLIT_PARTS)
        return error_set(error, "more than %d shares", SPLIT_PARTS);
    shares->names[shares->count] = item;
    shares->weights[shares->count++] = weight;
    return true;
}

bool split_shares_parse(struct split_shares *shares, const char *text, struct error *error) {
    char *next;

    *shares = (struct split_shares){.text = copy_text(text)};
    next = shares->text;
    while (next != NULL) {
        char *item = strsep(&next, ",");
        if (!add_share(shares, item, error)) {
            split_shares_free(shares);
            return false;
        }
    }
    return true;
}

void split_shares_free(struct split_shares *shares) {
    free(shares->text);
    *shares = (struct split_shares){0};
}

/* ---- collecting ---- */

void split_init(struct split *split, uint64_t seed) {
    *split = (struct split){.seed = seed};
}

void split_free(struct split *split) {
    id_index_free(&split->ids);
    id_index_free(&split->domains);
    free(split->stratum);
    free(split->part);
    *split = (struct split){0};
}

bool split_add(struct split *split, struct text id, struct text domain, struct error *error) {
    size_t number, stratum;
    bool known;

    if (!id_index_add(&split->ids, id_key(split->seed, "split", id), &number, &known, error))
        return false;
    if (known)
        return error_set(error,
                         "record %zu of the input has this id already; every problem with an id of "
                         "its own would be right",
                         number + 1);
    if (!id_index_add(&split->domains, id_key(0, "domain", domain), &stratum, &known, error))
        return false;
    if (number == split->capacity) {
        split->capacity += split->capacity / 2 + 64;
        split->stratum = reallocate(split->stratum, split->capacity, sizeof *split->stratum);
    }
    split->stratum[number] = (uint32_t)stratum;
    return true;
}

/* ---- cutting ---- */

/* The front of a problem's key beside its number, so that sorting rarely looks further. */
struct ranked {
    uint32_t key;
    uint32_t number;
};

static int by_key(const void *a, const void *b, void *context) {
    const struct ranked *left = a, *right = b;
    const struct id_key *keys = context;
    const struct id_key *l = &keys[left->number], *r = &keys[right->number];

    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    if (l->high != r->high)
        return l->high < r->high ? -1 : 1;
    return l->low < r->low ? -1 : l->low > r->low;
}

/* How many of `count` problems go to each part: largest remainders. */
static void apportion(const struct split_shares *shares, size_t count, size_t *sizes) {
    double total = 0, remainders[SPLIT_PARTS];
    size_t given = 0;

    for (size_t i = 0; i < shares->count; i++)
        total += shares->weights[i];
    for (size_t i = 0; i < shares->count; i++) {
        double quota = (double)count * shares->weights[i] / total;
        sizes[i] = (size_t)quota;
        if (sizes[i] > count - given) /* rounding of the quota */
            sizes[i] = count - given;
        remainders[i] = quota - (double)sizes[i];
        given += sizes[i];
    }
    for (; given < count; given++) {
        size_t best = 0;
        for (size_t i = 1; i < shares->count; i++)
            if (remainders[i] > remainders[best])
                best = i;
        sizes[best]++;
        remainders[best] = -1;
    }
}

static void cut_stratum(struct split *split, const struct split_shares *shares,
                        struct ranked *ranked, size_t count) {
    size_t sizes[SPLIT_PARTS] = {0};
    size_t next = 0;

    qsort_r(ranked, count, sizeof *ranked, by_key, split->ids.keys);
    apportion(shares, count, sizes);
    for (size_t part = 0; part < shares->count; part++)
        for (size_t i = 0; i < sizes[part]; i++)
            split->part[ranked[next++].number] = (uint8_t)part;
}

void split_cut(struct split *split, const struct split_shares *shares) {
    size_t count = split->ids.count;
    size_t *start = allocate(split->domains.count + 2, sizeof *start); /* shifted by one */
    struct ranked *ranked = allocate(count + 1, sizeof *ranked);

    free(split->part);
    split->part = allocate(count + 1, 1);
    for (size_t i = 0; i < count; i++)
        start[split->stratum[i] + 2]++;
    for (size_t s = 2; s < split->domains.count + 2; s++)
        start[s] += start[s - 1];
    for (size_t i = 0; i < count; i++)
        ranked[start[split->stratum[i] + 1]++] =
            (struct ranked){(uint32_t)(split->ids.keys[i].high >> 32), (uint32_t)i};
    for (size_t s = 0; s < split->domains.count; s++)
        cut_stratum(split, shares, ranked + start[s], start[s + 1] - start[s]);
    free(start);
    free(ranked);
}

const char *split_part(const struct split *split, const struct split_shares *shares,
                       size_t number) {
    return shares->names[split->part[number]];
}
