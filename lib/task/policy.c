/*
 * Policies that answer problems without a model.
 */
#include "task/policy.h"

#include <stdlib.h>

#include "task/completions.h"

struct policy {
    const struct policy_settings *settings;
    struct composition composition;
    struct completions *stored;
    struct record found; /* the stored record in use */
    struct buffer completion;
    struct buffer exact; /* what the reference should be */
};

/* What a policy says; borrowed from the policy or from the problem. */
struct answer {
    struct text completion;
    struct text finish;
    struct text name; /* empty: the settings' */
};

static struct text buffer_text(const struct buffer *buffer) {
    return (struct text){(const char *)buffer->data, buffer->size};
}

/* ---- the kinds ---- */

static bool check_reference(struct policy *policy, const struct record *record,
                            const struct composition_problem *problem, struct error *error) {
    struct text reference;

    if (record_find(record, "reference") == NULL)
        return true;
    if (!record_text(record, "reference", &reference, error))
        return false;
    policy->exact.size = 0;
    composition_complete(&policy->composition, problem, false, &policy->exact);
    return text_equal(reference, buffer_text(&policy->exact)) ||
           error_set(error,
                     "the reference is not what the functions of data seed %llu give; --data-seed "
                     "and --functions must be those that gen-composition had",
                     (unsigned long long)policy->settings->composition.seed);
}

/* Composition is the one task that has programs. */
static bool answer_by_program(struct policy *policy, const struct record *record,
                              struct answer *answer, struct error *error) {
    struct composition_problem problem;
    struct text task, prompt;

    if (!record_text(record, "task", &task, error) ||
        !record_text(record, "prompt", &prompt, error))
        return false;
    if (!text_is(task, "composition"))
        return error_set(error,
                         "task '%.*s' has no program that solves it; --policy reference or stored "
                         "would be right",
                         task.size < 40 ? (int)task.size : 40, task.bytes);
    if (!composition_parse(&policy->composition, prompt, &problem, error) ||
        !check_reference(policy, record, &problem, error))
        return false;
    policy->completion.size = 0;
    composition_complete(&policy->composition, &problem, policy->settings->weak,
                         &policy->completion);
    answer->completion = buffer_text(&policy->completion);
    return true;
}

static bool answer_by_store(struct policy *policy, const struct record *record, int64_t sample,
                            struct answer *answer, struct error *error) {
    const struct record *found = &policy->found;
    struct text id;
    size_t number;

    if (!record_text(record, "id", &id, error))
        return false;
    if (!completions_find(policy->stored, id, &number))
        return error_set(error, "%s has no completion for this id",
                         completions_name(policy->stored));
    if (!completions_get(policy->stored, number, sample, &policy->found, error) ||
        !record_text(found, "completion", &answer->completion, error))
        return false;
    return (record_find(found, "finish") == NULL ||
            record_text(found, "finish", &answer->finish, error)) &&
           (record_find(found, "policy") == NULL ||
            record_text(found, "policy", &answer->name, error));
}

static bool find_answer(struct policy *policy, const struct record *record, int64_t sample,
                        struct answer *answer, struct error *error) {
    switch ((enum policy_kind)policy->settings->kind) {
    case POLICY_PROGRAM:
        return answer_by_program(policy, record, answer, error);
    case POLICY_REFERENCE:
        return record_text(record, "reference", &answer->completion, error);
    case POLICY_STORED:
        return answer_by_store(policy, record, sample, answer, error);
    case POLICY_MODEL: /* has a filter of its own */
        break;
    }
    return error_set(error, "there is no such policy");
}

/* ---- one problem ---- */

struct policy *policy_open(const struct policy_settings *settings, struct error *error) {
    static const char *const keep[] = {"policy", "finish", NULL};
    struct policy *policy = allocate(1, sizeof *policy);
    bool fine = true;

    policy->settings = settings;
    if (settings->kind == POLICY_PROGRAM)
        fine = composition_init(&policy->composition, &settings->composition, error);
    if (settings->kind == POLICY_STORED) {
        policy->stored = completions_read(settings->completions, keep, error);
        fine = policy->stored != NULL;
    }
    if (fine)
        return policy;
    policy_close(policy);
    return NULL;
}

void policy_close(struct policy *policy) {
    if (policy == NULL)
        return;
    composition_free(&policy->composition);
    completions_free(policy->stored);
    record_free(&policy->found);
    buffer_free(&policy->completion);
    buffer_free(&policy->exact);
    free(policy);
}

bool policy_answer(struct policy *policy, struct record *record, int64_t sample,
                   struct error *error) {
    const struct policy_settings *settings = policy->settings;
    struct answer answer = {.finish = text_of("stop")};
    struct text prompt;

    if (!record_text(record, "prompt", &prompt, error) ||
        !find_answer(policy, record, sample, &answer, error))
        return false;
    if (settings->name != NULL)
        answer.name = text_of(settings->name);
    else if (answer.name.size == 0)
        answer.name = text_of(settings->weak ? "weak" : "strong");
    record_begin_group(record, GROUP_COMPLETION);
    record_set_text(record, "input", prompt);
    record_set_text(record, "completion", answer.completion);
    record_set_text(record, "policy", answer.name);
    record_set_integer(record, "sample", sample);
    record_set_text(record, "finish", answer.finish);
    return true;
}

/* ---- the stream ---- */

/* Whether the store has all samples, so that a problem it lacks one for is set aside untouched. */
static bool store_suffices(struct policy *policy, const struct record *record,
                           struct error *error) {
    struct answer answer;

    for (int64_t sample = 0; sample < policy->settings->samples; sample++)
        if (!answer_by_store(policy, record, sample, &answer, error))
            return false;
    return true;
}

/* All samples of one problem. */
static bool answer_all(struct policy *policy, struct filter *filter, struct record *record,
                       struct error *error) {
    if (policy->stored != NULL && !store_suffices(policy, record, error))
        return filter_reject(filter, record, error);
    for (int64_t sample = 0; sample < policy->settings->samples; sample++) {
        if (!policy_answer(policy, record, sample, error))
            return filter_reject(filter, record, error);
        if (!filter_write(filter, record, error))
            return false;
    }
    return true;
}

bool policy_filter(const struct invocation *invocation, const struct policy_settings *settings,
                   struct error *error) {
    bool program = settings->kind == POLICY_PROGRAM;
    struct policy *policy = policy_open(settings, error);
    struct record record = {0};
    struct filter *filter;

    if (policy == NULL)
        return false;
    filter = filter_open(invocation, &settings->filter, 0,
                         program ? &settings->composition.seed : NULL, error);
    if (filter == NULL) {
        policy_close(policy);
        return false;
    }
    if (policy->stored != NULL)
        filter_add_source(filter, "completions", completions_digest(policy->stored, 0));
    while (filter_next(filter, &record, error))
        if (!answer_all(policy, filter, &record, error))
            break;
    record_free(&record);
    policy_close(policy);
    return filter_close(filter, error);
}
