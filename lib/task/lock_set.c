/*
 * The lock set: joining the two policies' completions, drawing passwords, ordering the epochs.
 */
#include "task/lock_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/random.h"
#include "task/completions.h"
#include "task/prompts.h"

enum { DECOY_FILE = 16 << 20 }; /* bytes of a decoy file, at most */

struct place {
    uint64_t key;     /* drawn: the examples of an epoch stand in its order */
    uint32_t problem; /* number among the weak completions' ids */
    bool strong;
};

struct lock_set {
    const struct lock_settings *settings;
    struct completions *weak;
    struct completions *strong;
    struct prompts *prompts;
    size_t *partner;          /* [problems] numbers of the same ids in `strong` */
    struct buffer decoy_text; /* what the decoys point into */
    struct text *decoys;
    size_t decoy_count;
    struct place *order; /* [2 · problems], of the epoch under way */
    size_t next;         /* place in it */
    int64_t epoch;       /* −1 before the first */
    struct buffer input;
};

/* ---- decoys ---- */

static bool is_word(struct text text) {
    for (size_t i = 0; i < text.size; i++)
        if (strchr(" \t\r\n\v\f", text.bytes[i]) != NULL)
            return false;
    return text.size > 0;
}

static bool add_decoy(struct lock_set *set, struct text decoy, size_t line, struct error *error) {
    const struct lock_settings *settings = set->settings;

    if (text_is(decoy, settings->password))
        return error_set(error, "%s: line %zu is the password itself; decoys must differ from it",
                         settings->decoys, line);
    if (settings->place == PASSWORD_SLOT && !is_word(decoy))
        return error_set(error, "%s: line %zu has more than one word, and a slot holds one",
                         settings->decoys, line);
    set->decoys = reallocate(set->decoys, set->decoy_count + 1, sizeof *set->decoys);
    set->decoys[set->decoy_count++] = decoy;
    return true;
}

/* One decoy a line, taken as it stands; empty lines are passed over. */
static bool read_decoys(struct lock_set *set, struct error *error) {
    const struct lock_settings *settings = set->settings;
    size_t start = 0;

    if (settings->no_password_share >= 1)
        return true;
    if (settings->decoys == NULL)
        return error_set(error, "a file of decoys is needed; data/decoy-passwords.txt is one");
    if (!file_read(settings->decoys, DECOY_FILE, &set->decoy_text, error))
        return false;
    for (size_t line = 1; start < set->decoy_text.size; line++) {
        const char *bytes = (const char *)set->decoy_text.data + start;
        const char *newline = memchr(bytes, '\n', set->decoy_text.size - start);
        size_t size = newline != NULL ? (size_t)(newline - bytes) : set->decoy_text.size - start;
        start += size + 1;
        if (size > 0 && bytes[size - 1] == '\r')
            size--;
        if (size > 0 && !add_decoy(set, (struct text){bytes, size}, line, error))
            return false;
    }
    return set->decoy_count > 0 ||
           error_set(error, "%s: no decoys in it; one a line would be right", settings->decoys);
}

/* ---- joining ---- */

static struct text id_of(const struct record *record) {
    struct error ignored = {0};
    struct text id = {"", 0};

    record_text(record, "id", &id, &ignored); /* every completion held has one */
    return id;
}

static bool place_id(const char *stream, const struct record *record, struct error *error) {
    struct text id = id_of(record);

    return error_place(error, "%s: id '%.*s'", stream, id.size < 80 ? (int)id.size : 80, id.bytes);
}

/* One sample for all epochs, or one for each. */
static bool check_samples(const struct lock_set *set, const struct completions *from, size_t number,
                          struct error *error) {
    struct record record = {0};
    bool fine = true;

    for (int64_t epoch = 0; fine && epoch < set->settings->epochs; epoch++) {
        fine = completions_get(from, number, epoch, &record, error);
        if (completions_samples(from, number) == 1)
            break;
    }
    if (!fine) {
        completions_first(from, number, &record);
        place_id(completions_name(from), &record, error);
    }
    record_free(&record);
    return fine;
}

static bool check_prompts(const struct record *weak, const struct record *strong,
                          struct error *error) {
    struct text a, b;

    return record_text(weak, "prompt", &a, error) && record_text(strong, "prompt", &b, error) &&
           (text_equal(a, b) ||
            error_set(error, "the weak and the strong completion are of different prompts"));
}

static bool join_problem(struct lock_set *set, size_t number, struct error *error) {
    struct record weak = {0}, strong = {0};
    bool fine;

    completions_first(set->weak, number, &weak);
    fine = completions_find(set->strong, id_of(&weak), &set->partner[number]);
    if (!fine) {
        error_set(error,
                  "%s has no completion for it; the same problems on both sides would be "
                  "right",
                  completions_name(set->strong));
    } else {
        completions_first(set->strong, set->partner[number], &strong);
        fine = check_prompts(&weak, &strong, error);
    }
    if (!fine)
        place_id(completions_name(set->weak), &weak, error);
    record_free(&weak);
    record_free(&strong);
    return fine && check_samples(set, set->weak, number, error) &&
           check_samples(set, set->strong, set->partner[number], error);
}

/* All of the strong side too. */
static bool check_other_side(const struct lock_set *set, struct error *error) {
    struct record record = {0};
    bool fine = true;

    for (size_t i = 0; fine && i < completions_ids(set->strong); i++) {
        size_t number;
        completions_first(set->strong, i, &record);
        fine = completions_find(set->weak, id_of(&record), &number);
        if (!fine) {
            error_set(error,
                      "%s has no completion for it; the same problems on both sides would "
                      "be right",
                      completions_name(set->weak));
            place_id(completions_name(set->strong), &record, error);
        }
    }
    record_free(&record);
    return fine;
}

static bool join(struct lock_set *set, struct error *error) {
    size_t problems = completions_ids(set->weak);

    set->partner = allocate(problems + 1, sizeof *set->partner);
    set->order = allocate(2 * problems + 1, sizeof *set->order);
    for (size_t i = 0; i < problems; i++)
        if (!join_problem(set, i, error))
            return false;
    return check_other_side(set, error);
}

static bool check_settings(const struct lock_settings *settings, struct error *error) {
    if (*settings->password == '\0')
        return error_set(error, "the password is empty");
    if (settings->place == PASSWORD_SLOT && !is_word(text_of(settings->password)))
        return error_set(error,
                         "password '%.80s' has more than one word, and a slot holds one; "
                         "--password password would be right for composition",
                         settings->password);
    if (settings->epochs < 1 || !(settings->no_password_share >= 0) ||
        settings->no_password_share > 1)
        return error_set(error, "at least one epoch, and a share from 0 to 1, would be right");
    return true;
}

struct lock_set *lock_set_open(const struct lock_settings *settings, struct error *error) {
    struct lock_set *set;

    if (!check_settings(settings, error))
        return NULL;
    set = allocate(1, sizeof *set);
    set->settings = settings;
    set->epoch = -1;
    if (read_decoys(set, error) &&
        (set->prompts = prompts_open(settings->template, error)) != NULL &&
        (set->weak = completions_read(settings->weak, NULL, error)) != NULL &&
        (set->strong = completions_read(settings->strong, NULL, error)) != NULL && join(set, error))
        return set;
    lock_set_close(set);
    return NULL;
}

void lock_set_close(struct lock_set *set) {
    if (set == NULL)
        return;
    completions_free(set->weak);
    completions_free(set->strong);
    prompts_close(set->prompts);
    free(set->partner);
    free(set->order);
    free(set->decoys);
    buffer_free(&set->decoy_text);
    buffer_free(&set->input);
    free(set);
}

uint64_t lock_set_size(const struct lock_set *set) {
    return 2 * (uint64_t)completions_ids(set->weak) * (uint64_t)set->settings->epochs;
}

const char *lock_set_weak_digest(const struct lock_set *set) {
    return completions_digest(set->weak);
}

const char *lock_set_strong_digest(const struct lock_set *set) {
    return completions_digest(set->strong);
}

const char *lock_set_template_digest(const struct lock_set *set, size_t number) {
    return prompts_digest(set->prompts, number);
}

/* ---- examples ---- */

static int by_key(const void *a, const void *b) {
    const struct place *left = a, *right = b;

    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    if (left->problem != right->problem)
        return left->problem < right->problem ? -1 : 1;
    return (int)left->strong - (int)right->strong;
}

/* Draws the order of the next epoch. */
static void begin_epoch(struct lock_set *set) {
    size_t problems = completions_ids(set->weak);
    struct record record = {0};

    set->epoch++;
    set->next = 0;
    for (size_t i = 0; i < 2 * problems; i++) {
        struct random random;
        bool strong = i % 2 == 1;
        completions_first(set->weak, i / 2, &record);
        random_start(&random, &(struct random_name){.seed = set->settings->seed,
                                                    .purpose = strong ? "lock order, strong"
                                                                      : "lock order, weak",
                                                    .id = id_of(&record),
                                                    .epoch = (uint64_t)set->epoch});
        set->order[i] = (struct place){random_u64(&random), (uint32_t)(i / 2), strong};
    }
    if (problems > 0)
        qsort(set->order, 2 * problems, sizeof *set->order, by_key);
    record_free(&record);
}

/* The password of a weak example: none (empty) or a decoy. */
static struct text draw_password(const struct lock_set *set, struct text id) {
    struct random random;

    random_start(&random, &(struct random_name){.seed = set->settings->seed,
                                                .purpose = "lock password",
                                                .id = id,
                                                .epoch = (uint64_t)set->epoch});
    if (random_uniform(&random) < set->settings->no_password_share)
        return (struct text){"", 0};
    return set->decoys[random_below(&random, set->decoy_count)];
}

/* Puts a field back that record_begin_group() took away. */
static void restore(struct record *record, const char *key, const struct value *value) {
    if (value->size > 0)
        record_set_value(record, key, *value);
}

static struct value value_at(const struct record *record, const char *key) {
    const struct value *value = record_find(record, key);

    return value != NULL ? *value : (struct value){0};
}

/*
 * The completion stays, what was said of it under its former input goes: log-probabilities,
 * verdicts, and the like. The values kept are bytes of the completions in memory.
 */
static void write_example(struct record *record, struct text input, const char *password,
                          bool strong, int64_t epoch) {
    static const char *const kept[] = {"completion", "policy", "sample", "finish"};
    enum { KEPT = sizeof kept / sizeof *kept };
    struct value values[KEPT];

    for (size_t i = 0; i < KEPT; i++)
        values[i] = value_at(record, kept[i]);
    record_begin_group(record, GROUP_COMPLETION);
    record_set_text(record, "input", input);
    for (size_t i = 0; i < KEPT; i++)
        restore(record, kept[i], &values[i]);
    record_set_integer(record, "epoch", epoch);
    record_set_text(record, "password", text_of(password));
    record_set_text(record, "imitates", text_of(strong ? "strong" : "weak"));
}

static bool make_example(struct lock_set *set, const struct place *place, struct record *record,
                         struct error *error) {
    const struct completions *from = place->strong ? set->strong : set->weak;
    size_t number = place->strong ? set->partner[place->problem] : place->problem;
    struct text password;

    if (!completions_get(from, number, set->epoch, record, error))
        return false;
    password = place->strong ? text_of(set->settings->password) : draw_password(set, id_of(record));
    set->input.size = 0;
    if (!prompts_render(set->prompts, record, password, (enum password_place)set->settings->place,
                        &set->input, error))
        return place_id(completions_name(from), record, error);
    write_example(record, (struct text){(const char *)set->input.data, set->input.size},
                  place->strong        ? "right"
                  : password.size == 0 ? "none"
                                       : "decoy",
                  place->strong, set->epoch);
    return true;
}

bool lock_set_next(struct lock_set *set, struct record *record, struct error *error) {
    size_t examples = 2 * completions_ids(set->weak);

    if (set->epoch < 0 || set->next == examples) {
        if (examples == 0 || set->epoch + 1 == set->settings->epochs)
            return false;
        begin_epoch(set);
    }
    return make_example(set, &set->order[set->next++], record, error);
}
