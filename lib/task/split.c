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

/* ---- sources ---- */

static bool add_sources(struct split_sources *sources, const struct split_shares *shares,
                        char *item, struct error *error) {
    char *equals = strchr(item, '=');
    size_t part = 0;

    if (equals == NULL || equals == item || equals[1] == '\0')
        return error_set(error, "'%s': a part and splits, as in elicit=test+train, would be right",
                         item);
    *equals = '\0';
    while (part < shares->count && strcmp(shares->names[part], item) != 0)
        part++;
    if (part == shares->count)
        return error_set(error, "'%s' is none of the parts that have shares", item);
    if (sources->counts[part] > 0)
        return error_set(error, "part '%s' stands twice", item);
    for (char *next = equals + 1; next != NULL;) {
        const char *name = strsep(&next, "+");
        if (*name == '\0' || sources->counts[part] == SPLIT_SOURCES)
            return error_set(error, "part '%s': 1 to %d splits with + between them would be right",
                             item, SPLIT_SOURCES);
        sources->names[part][sources->counts[part]++] = name;
    }
    return true;
}

bool split_sources_parse(struct split_sources *sources, const struct split_shares *shares,
                         const char *text, struct error *error) {
    *sources = (struct split_sources){.text = copy_text(text)};
    for (char *next = sources->text; next != NULL;) {
        char *item = strsep(&next, ",");
        if (!add_sources(sources, shares, item, error)) {
            split_sources_free(sources);
            return false;
        }
    }
    return true;
}

void split_sources_free(struct split_sources *sources) {
    free(sources->text);
    *sources = (struct split_sources){0};
}

/* ---- collecting ---- */

void split_init(struct split *split, uint64_t seed) {
    *split = (struct split){.seed = seed};
}

void split_free(struct split *split) {
    id_index_free(&split->ids);
    id_index_free(&split->domains);
    id_index_free(&split->sources);
    free(split->stratum);
    free(split->source);
    free(split->part);
    *split = (struct split){0};
}

bool split_add(struct split *split, struct text id, struct text domain, struct text source,
               struct error *error) {
    size_t number, stratum, from;
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
    if (!id_index_add(&split->sources, id_key(0, "split", source), &from, &known, error))
        return false;
    if (number == split->capacity) {
        split->capacity += split->capacity / 2 + 64;
        split->stratum = reallocate(split->stratum, split->capacity, sizeof *split->stratum);
        split->source = reallocate(split->source, split->capacity, sizeof *split->source);
    }
    split->stratum[number] = (uint32_t)stratum;
    split->source[number] = (uint32_t)from;
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

enum { TAKEN = UINT32_MAX }; /* in place of a problem's number */

/* A stratum under way: its problems in the order of their keys. */
struct stratum {
    struct split *split;
    struct ranked *ranked;
    size_t count;
};

/* Gives `part` up to `wanted` problems of one source (NULL: of any); returns how many it lacks. */
static size_t take_from(struct stratum *stratum, size_t part, size_t wanted, const char *source) {
    struct split *split = stratum->split;
    size_t from = 0;

    if (source != NULL &&
        !id_index_find(&split->sources, id_key(0, "split", text_of(source)), &from))
        return wanted;
    for (size_t i = 0; wanted > 0 && i < stratum->count; i++) {
        uint32_t number = stratum->ranked[i].number;
        if (number == TAKEN || (source != NULL && split->source[number] != from))
            continue;
        split->part[number] = (uint8_t)part;
        stratum->ranked[i].number = TAKEN;
        wanted--;
    }
    return wanted;
}

/* Parts with fewer sources go first; those without any take what is left. */
static size_t cut_by_sources(struct stratum *stratum, const struct split_shares *shares,
                             const struct split_sources *sources, size_t *sizes) {
    size_t misplaced = 0;

    for (size_t few = 1; few <= SPLIT_SOURCES; few++)
        for (size_t part = 0; part < shares->count; part++)
            for (size_t i = 0; sources->counts[part] == few && i < few; i++)
                sizes[part] = take_from(stratum, part, sizes[part], sources->names[part][i]);
    for (size_t part = 0; part < shares->count; part++) {
        misplaced += sources->counts[part] > 0 ? sizes[part] : 0;
        take_from(stratum, part, sizes[part], NULL);
    }
    return misplaced;
}

static size_t cut_stratum(struct split *split, const struct split_shares *shares,
                          const struct split_sources *sources, struct ranked *ranked,
                          size_t count) {
    size_t sizes[SPLIT_PARTS] = {0};
    size_t next = 0;

    qsort_r(ranked, count, sizeof *ranked, by_key, split->ids.keys);
    apportion(shares, count, sizes);
    if (sources != NULL && split->sources.count > 1)
        return cut_by_sources(&(struct stratum){split, ranked, count}, shares, sources, sizes);
    for (size_t part = 0; part < shares->count; part++)
        for (size_t i = 0; i < sizes[part]; i++)
            split->part[ranked[next++].number] = (uint8_t)part;
    return 0;
}

size_t split_cut(struct split *split, const struct split_shares *shares,
                 const struct split_sources *sources) {
    size_t count = split->ids.count, misplaced = 0;
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
        misplaced +=
            cut_stratum(split, shares, sources, ranked + start[s], start[s + 1] - start[s]);
    free(start);
    free(ranked);
    return misplaced;
}

const char *split_part(const struct split *split, const struct split_shares *shares,
                       size_t number) {
    return shares->names[split->part[number]];
}
