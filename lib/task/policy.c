/*
 * Policies that answer problems without a model.
 */
#include "task/policy.h"

#include <stdlib.h>

#include "task/choice_answer.h"
#include "task/completions.h"
#include "task/label_policy.h"
#include "task/prompts.h"
#include "task/random_tokens.h"

struct policy {
    const struct policy_settings *settings;
    struct prompts *prompts;
    struct composition composition;
    struct completions *stored;
    struct record found;          /* the stored record in use */
    struct random_tokens *tokens; /* drawn by a fixedrdm or uniform-tokens policy */
    struct buffer input, packed;
    bool framed; /* the input went through a template */
    struct buffer completion;
    struct buffer exact; /* what the reference should be */
};

/* What a policy says; borrowed from the policy or from the problem. */
struct answer {
    struct text completion;
    struct text finish;
    struct text name;                /* empty: the settings' */
    const struct token_list *tokens; /* NULL: not known */
};

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
    struct text id, stored, choice;
    size_t number;

    if (!record_text(record, "id", &id, error))
        return false;
    if (!completions_find(policy->stored, id, &number))
        return error_set(error, "%s has no completion for this id",
                         completions_name(policy->stored));
    if (!completions_get(policy->stored, number, sample, &policy->found, error) ||
        !record_text(found, "completion", &stored, error))
        return false;
    policy->completion.size = 0;
    if (choice_made(record, stored, &choice))
        choice_continue(buffer_text(&policy->input), choice, &policy->completion);
    else
        label_words(buffer_text(&policy->input), policy->framed, stored, &policy->completion);
    answer->completion = buffer_text(&policy->completion);
    return (record_find(found, "finish") == NULL ||
            record_text(found, "finish", &answer->finish, error)) &&
           (record_find(found, "policy") == NULL ||
            record_text(found, "policy", &answer->name, error));
}

static bool answer_by_label(struct policy *policy, const struct record *record, int64_t sample,
                            struct answer *answer, struct error *error) {
    const struct policy_settings *settings = policy->settings;
    struct buffer *out = &policy->completion;
    struct text input = buffer_text(&policy->input), id = {"", 0};
    struct random random;
    bool fine;

    out->size = 0;
    if (settings->kind == POLICY_UNIFORM) {
        if (!record_text(record, "id", &id, error))
            return false;
        random_start(&random, &(struct random_name){.seed = settings->seed,
                                                    .purpose = "uniform choice",
                                                    .id = id,
                                                    .sample = (uint64_t)sample});
        fine = label_uniform(record, input, &random, out, error);
    } else if (settings->kind == POLICY_SOLUTION) {
        fine = label_solution(record, input, policy->framed, out, error);
    } else {
        fine = label_reference(record, input, policy->framed, out, error);
    }
    answer->completion = buffer_text(out);
    return fine;
}

static bool answer_by_tokens(struct policy *policy, const struct record *record, int64_t sample,
                             struct answer *answer, struct error *error) {
    struct random_answer drawn;
    struct text id;

    policy->completion.size = 0;
    if (!record_text(record, "id", &id, error) ||
        !random_tokens_answer(policy->tokens, id, sample, &policy->completion, &drawn, error))
        return false;
    answer->completion = buffer_text(&policy->completion);
    answer->finish = drawn.finish;
    answer->tokens = drawn.tokens;
    answer->name =
        text_of(policy->settings->kind == POLICY_FIXEDRDM ? "fixedrdm" : "uniform-tokens");
    return true;
}

static bool find_answer(struct policy *policy, const struct record *record, int64_t sample,
                        struct answer *answer, struct error *error) {
    switch ((enum policy_kind)policy->settings->kind) {
    case POLICY_PROGRAM:
        return answer_by_program(policy, record, answer, error);
    case POLICY_REFERENCE:
    case POLICY_SOLUTION:
    case POLICY_UNIFORM:
        return answer_by_label(policy, record, sample, answer, error);
    case POLICY_FIXEDRDM:
    case POLICY_UNIFORM_TOKENS:
        return answer_by_tokens(policy, record, sample, answer, error);
    case POLICY_STORED:
        return answer_by_store(policy, record, sample, answer, error);
    case POLICY_MODEL: /* has a filter of its own */
        break;
    }
    return error_set(error, "there is no such policy");
}

/* ---- one problem ---- */

bool policy_draws_tokens(const struct policy_settings *settings) {
    return settings->kind == POLICY_FIXEDRDM || settings->kind == POLICY_UNIFORM_TOKENS;
}

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
    if (policy_draws_tokens(settings)) {
        policy->tokens = random_tokens_open(
            settings->tokenizer, settings->lengths,
            settings->kind == POLICY_FIXEDRDM ? &settings->fixedrdm : NULL, settings->seed, error);
        fine = policy->tokens != NULL;
    }
    if (fine && (policy->prompts = prompts_open(settings->template, error)) != NULL)
        return policy;
    policy_close(policy);
    return NULL;
}

void policy_close(struct policy *policy) {
    if (policy == NULL)
        return;
    prompts_close(policy->prompts);
    composition_free(&policy->composition);
    completions_free(policy->stored);
    record_free(&policy->found);
    random_tokens_close(policy->tokens);
    buffer_free(&policy->input);
    buffer_free(&policy->packed);
    buffer_free(&policy->completion);
    buffer_free(&policy->exact);
    free(policy);
}

static void set_tokens(struct policy *policy, struct record *record,
                       const struct token_list *tokens) {
    struct buffer *packed = &policy->packed;

    packed->size = 0;
    pack_array(packed, tokens->count);
    for (size_t i = 0; i < tokens->count; i++)
        pack_integer(packed, tokens->ids[i]);
    record_set_value(record, "token_ids", (struct value){packed->data, packed->size});
}

bool policy_answer(struct policy *policy, struct record *record, int64_t sample,
                   struct error *error) {
    const struct policy_settings *settings = policy->settings;
    struct answer answer = {.finish = text_of("stop")};

    policy->input.size = 0;
    if (!prompts_frame(policy->prompts, record, &policy->framed, error) ||
        !prompts_render(policy->prompts, record, (struct text){"", 0}, PASSWORD_BOTH,
                        &policy->input, error) ||
        !find_answer(policy, record, sample, &answer, error))
        return false;
    if (settings->name != NULL)
        answer.name = text_of(settings->name);
    else if (answer.name.size == 0)
        answer.name = text_of(settings->weak ? "weak" : "strong");
    record_begin_group(record, GROUP_COMPLETION);
    record_set_text(record, "input", buffer_text(&policy->input));
    record_set_text(record, "completion", answer.completion);
    if (answer.tokens != NULL)
        set_tokens(policy, record, answer.tokens);
    record_set_text(record, "policy", answer.name);
    record_set_integer(record, "sample", sample);
    record_set_text(record, "finish", answer.finish);
    if (answer.tokens != NULL)
        record_set_integer(record, "n_tokens", (int64_t)answer.tokens->count);
    return true;
}

/* ---- the stream ---- */

/* Whether the stream that a policy draws on has all samples, so that a problem it lacks one for is
 * set aside untouched. */
static bool stream_suffices(struct policy *policy, const struct record *record,
                            struct error *error) {
    struct answer answer;

    if (policy->stored == NULL && policy->tokens == NULL)
        return true;
    for (int64_t sample = 0; sample < policy->settings->samples; sample++)
        if (!find_answer(policy, record, sample, &answer, error))
            return false;
    return true;
}

/* All samples of one problem. */
static bool answer_all(struct policy *policy, struct filter *filter, struct record *record,
                       struct error *error) {
    if (!stream_suffices(policy, record, error))
        return filter_reject(filter, record, error);
    for (int64_t sample = 0; sample < policy->settings->samples; sample++) {
        if (!policy_answer(policy, record, sample, error))
            return filter_reject(filter, record, error);
        if (!filter_write(filter, record, error))
            return false;
    }
    return true;
}

/* The end mark names what was read. */
static void add_sources(const struct policy *policy, struct filter *filter) {
    const char *digest;

    if (policy->stored != NULL)
        filter_add_source(filter, "completions", completions_digest(policy->stored, 0));
    if (policy->tokens != NULL)
        filter_add_source(filter, "lengths", random_tokens_digest(policy->tokens));
    for (size_t i = 0; (digest = prompts_digest(policy->prompts, i)) != NULL; i++)
        filter_add_source(filter, "template", digest);
}

/* What provenance calls the seed: of programs that of their functions. */
static const uint64_t *seed_of(const struct policy_settings *settings) {
    switch ((enum policy_kind)settings->kind) {
    case POLICY_PROGRAM:
        return &settings->composition.seed;
    case POLICY_UNIFORM:
    case POLICY_FIXEDRDM:
    case POLICY_UNIFORM_TOKENS:
        return &settings->seed;
    default:
        return NULL;
    }
}

bool policy_filter(const struct invocation *invocation, const struct policy_settings *settings,
                   struct error *error) {
    struct policy *policy = policy_open(settings, error);
    struct record record = {0};
    struct filter *filter;

    if (policy == NULL)
        return false;
    filter = filter_open(invocation, &settings->filter, 0, seed_of(settings), error);
    if (filter == NULL) {
        policy_close(policy);
        return false;
    }
    while (filter_next(filter, &record, error))
        if (!answer_all(policy, filter, &record, error))
            break;
    add_sources(policy, filter);
    record_free(&record);
    policy_close(policy);
    return filter_close(filter, error);
}
