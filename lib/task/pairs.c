/* Preference pairs: an arena of packed completions, and a table of them by problem. See pairs.h. */
#include "task/pairs.h"

#include <stdlib.h>

#include "task/id_index.h"

struct entry {
    size_t problem; /* number, in the order of their coming */
    double grade;
    int64_t sample;
    size_t offset; /* in the arena, and so the order in which they came */
    size_t size;
};

struct pairs {
    const struct pairs_settings *settings;
    struct id_index problems; /* by id and round */
    struct id_key *inputs;    /* by problem: stands for the input */
    size_t inputs_capacity;
    struct buffer arena;
    struct entry *entries; /* in the end sorted by problem, best first */
    size_t count, capacity;
    size_t start, end; /* the problem being paired */
    size_t next;       /* pairs of it that were looked at */
    struct buffer scratch;
    struct record better, worse;
};

struct pairs *pairs_new(const struct pairs_settings *settings) {
    struct pairs *pairs = allocate(1, sizeof *pairs);
    pairs->settings = settings;
    return pairs;
}

void pairs_free(struct pairs *pairs) {
    if (pairs == NULL)
        return;
    id_index_free(&pairs->problems);
    free(pairs->inputs);
    buffer_free(&pairs->arena);
    free(pairs->entries);
    buffer_free(&pairs->scratch);
    record_free(&pairs->better);
    record_free(&pairs->worse);
    free(pairs);
}

size_t pairs_problems(const struct pairs *pairs) {
    return pairs->problems.count;
}

/* ---- taking completions ---- */

static bool find_problem(struct pairs *pairs, struct text id, int64_t round, struct text input,
                         size_t *number, struct error *error) {
    const struct id_key key = id_key(0, "input", input);
    bool known;
    pairs->scratch.size = 0;
    pack_integer(&pairs->scratch, round);
    buffer_append(&pairs->scratch, id.bytes, id.size);
    const struct text name = {(const char *)pairs->scratch.data, pairs->scratch.size};
    if (!id_index_add(&pairs->problems, id_key(0, "pair", name), number, &known, error))
        return false;
    if (known)
        return (pairs->inputs[*number].high == key.high && pairs->inputs[*number].low == key.low) ||
               error_set(error, "its input is not that of another completion of this id and round; "
                                "completions of one prompt would be right");
    if (*number == pairs->inputs_capacity) {
        pairs->inputs_capacity = 2 * pairs->inputs_capacity + 64;
        pairs->inputs = reallocate(pairs->inputs, pairs->inputs_capacity, sizeof *pairs->inputs);
    }
    pairs->inputs[*number] = key;
    return true;
}

/* That of a completion as it was drawn counts what was drawn: another end token, or one that a stop
 * text cut off, or tokens that its text does not have again. Training sees the text's. */
static bool check_logprob(const struct record *record, struct error *error) {
    double logprob;
    bool scored = false;
    return record_real(record, "logprob", &logprob, error) &&
           ((record_find(record, "scored") != NULL &&
             record_boolean(record, "scored", &scored, error) && scored) ||
            error_set(error, "its logprob is of tokens as they were drawn, which need not be those "
                             "that train gives its text; that of sample --score would be right"));
}

/* What a pair will be made of, so that nothing is found missing at the end. */
static bool check(const struct pairs *pairs, const struct record *record, struct error *error) {
    struct text text;
    return record_text(record, "completion", &text, error) &&
           (record_find(record, "finish") == NULL || record_text(record, "finish", &text, error)) &&
           (!pairs->settings->logprobs || check_logprob(record, error));
}

bool pairs_add(struct pairs *pairs, const struct record *record, struct error *error) {
    struct entry entry = {.offset = pairs->arena.size};
    struct text id, input;
    int64_t round;
    if (!record_text(record, "id", &id, error) || !record_text(record, "input", &input, error) ||
        !grade_integer(record, "round", -1, &round, error) ||
        !grade_integer(record, "sample", 0, &entry.sample, error) ||
        !grade_read(record, pairs->settings->by, &entry.grade, error) ||
        !check(pairs, record, error) ||
        !find_problem(pairs, id, round, input, &entry.problem, error))
        return false;
    if (pairs->count == pairs->capacity) {
        pairs->capacity = pairs->capacity ? 2 * pairs->capacity : 256;
        pairs->entries = reallocate(pairs->entries, pairs->capacity, sizeof *pairs->entries);
    }
    record_pack(record, &pairs->arena);
    entry.size = pairs->arena.size - entry.offset;
    pairs->entries[pairs->count++] = entry;
    return true;
}

static int compare_entries(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->problem != y->problem)
        return x->problem > y->problem ? 1 : -1;
    if (x->grade != y->grade)
        return x->grade < y->grade ? 1 : -1;
    if (x->sample != y->sample)
        return x->sample > y->sample ? 1 : -1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

void pairs_finish(struct pairs *pairs) {
    if (pairs->count > 0)
        qsort(pairs->entries, pairs->count, sizeof *pairs->entries, compare_entries);
}

/* ---- giving pairs ---- */

static bool parse(const struct pairs *pairs, const struct entry *entry, struct record *record,
                  struct error *error) {
    return record_parse(record, pairs->arena.data + entry->offset, entry->size, error);
}

static struct text completion_of(const struct record *record) {
    struct text text = {"", 0};
    struct error never = {0};
    record_text(record, "completion", &text, &never);
    return text;
}

/* Copies a field under another name, where there is one. */
static void copy_field(const struct record *from, const char *field, struct record *to,
                       const char *as) {
    const struct value *value = record_find(from, field);
    if (value)
        record_set_value(to, as, *value);
}

static void make_pair(struct pairs *pairs, double difference, struct record *record) {
    const struct record *better = &pairs->better, *worse = &pairs->worse;
    record_copy(record, better);
    record_begin_group(record, GROUP_COMPLETION);
    copy_field(better, "input", record, "input");
    copy_field(better, "round", record, "round");
    copy_field(better, "completion", record, "chosen");
    copy_field(worse, "completion", record, "rejected");
    copy_field(better, "finish", record, "chosen_finish");
    copy_field(worse, "finish", record, "rejected_finish");
    if (pairs->settings->weighted)
        record_set_real(record, "weight", difference);
    if (pairs->settings->logprobs) {
        copy_field(better, "logprob", record, "chosen_logprob");
        copy_field(worse, "logprob", record, "rejected_logprob");
    }
}

/* The next two entries to be set against each other; false at the end. */
static bool next_two(struct pairs *pairs, const struct entry **first, const struct entry **last) {
    while (pairs->next >= (pairs->end - pairs->start) / 2) {
        if (pairs->end == pairs->count)
            return false;
        pairs->start = pairs->end;
        while (pairs->end < pairs->count &&
               pairs->entries[pairs->end].problem == pairs->entries[pairs->start].problem)
            pairs->end++;
        pairs->next = 0;
    }
    *first = &pairs->entries[pairs->start + pairs->next];
    *last = &pairs->entries[pairs->end - 1 - pairs->next++];
    return true;
}

bool pairs_next(struct pairs *pairs, struct record *record, struct error *error) {
    for (const struct entry *first, *last; next_two(pairs, &first, &last);) {
        if (first->grade == last->grade)
            continue;
        if (!parse(pairs, first, &pairs->better, error) ||
            !parse(pairs, last, &pairs->worse, error))
            return false;
        if (text_equal(completion_of(&pairs->better), completion_of(&pairs->worse)))
            continue;
        make_pair(pairs, first->grade - last->grade, record);
        return true;
    }
    return false;
}
