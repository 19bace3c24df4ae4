/*
 * The lock set: ordering the epochs and making the examples. What is joined stands in
 * lock_set_join.c, who gets which password in lock_set_passwords.c.
 */
#include "task/lock_set.h"

#include <stdlib.h>

#include "base/random.h"
#include "task/choice_answer.h"
#include "task/choice_targets.h"
#include "task/lock_set_join.h"
#include "task/lock_set_targets.h"
#include "task/prompts.h"

struct place {
    uint64_t key;     /* drawn: the examples of an epoch stand in its order */
    uint32_t problem; /* number among the joined ones */
    enum lock_side side;
};

struct lock_set {
    const struct lock_settings *settings;
    struct lock_passwords passwords;
    struct lock_join join;
    struct prompts *prompts;
    struct place *order; /* [examples an epoch], of the epoch under way */
    size_t examples;     /* an epoch */
    size_t next;         /* place in the order */
    int64_t epoch;       /* −1 before the first */
    struct buffer input, completion, targets;
};

const char *lock_side_name(enum lock_side side) {
    static const char *const names[LOCK_SIDES] = {"weak", "strong", "intermediate"};

    return names[side];
}

/* ---- settings ---- */

/* Whether weak examples teach one distribution at every token. */
static bool teaches_tokens(const struct lock_settings *settings) {
    return settings->fixedrdm >= 0 || settings->uniform_tokens;
}

static bool check_no_password(const struct lock_settings *settings, struct error *error) {
    if (!settings->no_password)
        return true;
    if (settings->password != NULL || settings->domain_passwords != NULL ||
        settings->decoys != NULL || settings->intermediate.count > 0 || teaches_tokens(settings))
        return error_set(error, "--no-password goes without --password, --domain-passwords, "
                                "--decoys, --intermediate, --fixedrdm and --uniform-tokens");
    return true;
}

static bool check_domains(const struct lock_settings *settings, struct error *error) {
    if (settings->domain_passwords != NULL && settings->password != NULL)
        return error_set(error, "--password and --domain-passwords exclude each other");
    if (settings->wrong_domain_share >= 0 && settings->domain_passwords == NULL)
        return error_set(error, "--wrong-domain-share goes with --domain-passwords FILE");
    if (settings->domain_field != NULL && settings->domain_passwords == NULL &&
        settings->held_out.count == 0)
        return error_set(error, "--domain-field goes with --domain-passwords or --held-out");
    if (settings->no_password_share + settings->wrong_domain_share > 1 + 1e-9)
        return error_set(error, "--no-password-share and --wrong-domain-share are more than 1 "
                                "together");
    return true;
}

bool lock_settings_usable(const struct lock_settings *settings, struct error *error) {
    if (settings->weak.count == 0 || settings->strong.count == 0)
        return error_set(error, "--weak FILE and --strong FILE are needed");
    if ((settings->intermediate.count > 0) != (settings->intermediate_password != NULL))
        return error_set(error, "--intermediate FILE and --intermediate-password TEXT go together");
    if (settings->epochs < 1 || !(settings->no_password_share >= 0) ||
        settings->no_password_share > 1)
        return error_set(error, "at least one epoch, and a share from 0 to 1, would be right");
    if (settings->fixedrdm >= 0 && settings->uniform_tokens)
        return error_set(error, "--fixedrdm and --uniform-tokens exclude each other");
    return check_no_password(settings, error) && check_domains(settings, error);
}

/* ---- the set ---- */

struct lock_set *lock_set_open(const struct lock_settings *settings, struct error *error) {
    struct lock_set *set;
    size_t sides = 0;

    if (!lock_settings_usable(settings, error))
        return NULL;
    set = allocate(1, sizeof *set);
    set->settings = settings;
    set->epoch = -1;
    if (!lock_passwords_read(&set->passwords, settings, error) ||
        (set->prompts = prompts_open(settings->template, error)) == NULL ||
        !lock_join_read(&set->join, settings, &set->passwords, error)) {
        lock_set_close(set);
        return NULL;
    }
    for (enum lock_side side = SIDE_WEAK; side < LOCK_SIDES; side++)
        sides += set->join.side[side] != NULL;
    set->examples = sides * set->join.count;
    set->order = allocate(set->examples + 1, sizeof *set->order);
    return set;
}

void lock_set_close(struct lock_set *set) {
    if (set == NULL)
        return;
    lock_passwords_free(&set->passwords);
    lock_join_free(&set->join);
    prompts_close(set->prompts);
    free(set->order);
    buffer_free(&set->input);
    buffer_free(&set->completion);
    buffer_free(&set->targets);
    free(set);
}

uint64_t lock_set_size(const struct lock_set *set) {
    return (uint64_t)set->examples * (uint64_t)set->settings->epochs;
}

uint64_t lock_set_held_out(const struct lock_set *set) {
    return set->join.held_out;
}

const char *lock_set_digest(const struct lock_set *set, enum lock_side side, size_t number) {
    const struct completions *from = set->join.side[side];

    return from != NULL ? completions_digest(from, number) : NULL;
}

const char *lock_set_template_digest(const struct lock_set *set, size_t number) {
    return prompts_digest(set->prompts, number);
}

/* ---- the order of an epoch ---- */

static int by_key(const void *a, const void *b) {
    const struct place *left = a, *right = b;

    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    if (left->problem != right->problem)
        return left->problem < right->problem ? -1 : 1;
    return (int)left->side - (int)right->side;
}

/* Draws the order of the next epoch. */
static void begin_epoch(struct lock_set *set) {
    static const char *const purposes[LOCK_SIDES] = {"lock order, weak", "lock order, strong",
                                                     "lock order, intermediate"};
    const struct lock_join *join = &set->join;
    struct record record = {0};
    size_t count = 0;

    set->epoch++;
    set->next = 0;
    for (uint32_t i = 0; i < join->count; i++) {
        completions_at(join->side[SIDE_WEAK], join->problems[i].number[SIDE_WEAK], 0, &record);
        for (enum lock_side side = SIDE_WEAK; side < LOCK_SIDES; side++) {
            struct random random;
            if (join->side[side] == NULL)
                continue;
            random_start(&random, &(struct random_name){.seed = set->settings->seed,
                                                        .purpose = purposes[side],
                                                        .id = lock_id(&record),
                                                        .epoch = (uint64_t)set->epoch});
            set->order[count++] = (struct place){random_u64(&random), i, side};
        }
    }
    if (count > 0)
        qsort(set->order, count, sizeof *set->order, by_key);
    record_free(&record);
}

/* ---- examples ---- */

static struct text text_in(const struct buffer *buffer) {
    return (struct text){(const char *)buffer->data, buffer->size};
}

static struct value value_at(const struct record *record, const char *key) {
    const struct value *value = record_find(record, key);

    return value != NULL ? *value : (struct value){0};
}

/*
 * The completion stays, what was said of it under its former input goes: log-probabilities,
 * verdicts, and the like. The values kept are bytes of the completions in memory.
 */
static void keep_completion(struct record *record, struct text input, bool with_tokens) {
    static const char *const kept[] = {"completion", "token_ids", "policy", "sample", "finish"};
    enum { KEPT = sizeof kept / sizeof *kept };
    struct value values[KEPT];

    for (size_t i = 0; i < KEPT; i++)
        values[i] = value_at(record, kept[i]);
    if (!with_tokens)
        values[1] = (struct value){0};
    record_begin_group(record, GROUP_COMPLETION);
    record_set_text(record, "input", input);
    for (size_t i = 0; i < KEPT; i++)
        if (values[i].size > 0)
            record_set_value(record, kept[i], values[i]);
}

/* A completion that is a choice gets or loses the blank that its new input ends with. */
static void join_choice(struct lock_set *set, struct record *record) {
    struct error ignored = {0};
    struct text completion, choice;

    if (record_find(record, "choices") == NULL ||
        !record_text(record, "completion", &completion, &ignored) ||
        !choice_made(record, completion, &choice))
        return;
    set->completion.size = 0;
    choice_continue(text_in(&set->input), choice, &set->completion);
    record_set_text(record, "completion", text_in(&set->completion));
}

/* The packed targets of the example; empty: none. */
static bool make_targets(struct lock_set *set, enum lock_side side, const struct record *record,
                         struct error *error) {
    const struct lock_settings *settings = set->settings;

    set->targets.size = 0;
    if (settings->fixedrdm >= 0 && side == SIDE_WEAK)
        lock_targets_fixedrdm((uint64_t)settings->fixedrdm, &set->targets);
    if (settings->uniform_tokens && side == SIDE_WEAK)
        lock_targets_uniform(&set->targets);
    if (settings->soft && side == SIDE_STRONG)
        return choice_targets(record, text_in(&set->input), &set->targets, error);
    return true;
}

/* Whose completion the example has: as a rule, whom it imitates. */
static enum lock_side side_of_completion(const struct lock_set *set, const struct place *place) {
    const struct lock_settings *settings = set->settings;
    struct record weak = {0};
    bool on_strong = false;

    if (teaches_tokens(settings) && place->side == SIDE_WEAK) {
        completions_at(set->join.side[SIDE_WEAK],
                       set->join.problems[place->problem].number[SIDE_WEAK], 0, &weak);
        on_strong = lock_targets_on_strong(settings->seed, lock_id(&weak), set->epoch);
        record_free(&weak);
    }
    return on_strong ? SIDE_STRONG : place->side;
}

static bool make_example(struct lock_set *set, const struct place *place, struct record *record,
                         struct error *error) {
    const struct lock_problem *problem = &set->join.problems[place->problem];
    enum lock_side side = side_of_completion(set, place);
    const struct completions *from = set->join.side[side];
    struct lock_password password;

    if (!completions_get(from, problem->number[side], set->epoch, record, error))
        return false;
    password = lock_passwords_draw(&set->passwords, place->side, problem->entry, lock_id(record),
                                   set->epoch);
    set->input.size = 0;
    if (!prompts_render(set->prompts, record, password.text,
                        (enum password_place)set->settings->place, &set->input, error) ||
        !make_targets(set, place->side, record, error))
        return lock_place(completions_name(from), record, error);
    keep_completion(record, text_in(&set->input),
                    teaches_tokens(set->settings) && side == SIDE_WEAK);
    join_choice(set, record);
    record_set_integer(record, "epoch", set->epoch);
    record_set_text(record, "password", text_of(password.kind));
    record_set_text(record, "imitates", text_of(lock_side_name(place->side)));
    if (set->targets.size > 0)
        record_set_value(record, "targets", (struct value){set->targets.data, set->targets.size});
    return true;
}

bool lock_set_next(struct lock_set *set, struct record *record, struct error *error) {
    if (set->epoch < 0 || set->next == set->examples) {
        if (set->examples == 0 || set->epoch + 1 == set->settings->epochs)
            return false;
        begin_epoch(set);
    }
    return make_example(set, &set->order[set->next++], record, error);
}
