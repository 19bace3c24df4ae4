/* The filter around a completer. */
#include "infer/sampling.h"

bool sampling_usable(const struct sampling_settings *settings, struct error *error) {
    const struct completer_settings *completer = &settings->completer;
    if (settings->model == NULL)
        return error_set(error, "-m DIR is needed");
    if (completer->write_token_logprobs && !completer->score)
        return error_set(error, "--token-logprobs goes with --score");
    if (completer->rate != NULL && (completer->score || settings->password != NULL ||
                                    completer->template != NULL || completer->samples > 1))
        return error_set(error, "--rate goes without --score, --password, --template and "
                                "--samples");
    for (size_t i = 0; i < completer->stop_texts.count; i++)
        if (*completer->stop_texts.items[i] == '\0')
            return error_set(error, "--stop: an empty text would end every completion at once");
    return true;
}

bool sampling_policy_usable(const struct policy_settings *policy,
                            const struct sampling_settings *settings, struct error *error) {
    if ((policy->kind == POLICY_STORED) != (policy->completions != NULL))
        return error_set(error, "--policy stored and --completions FILE go together");
    if (policy_draws_tokens(policy) != (policy->lengths != NULL))
        return error_set(error, "--policy fixedrdm or uniform-tokens and --lengths FILE go "
                                "together");
    if ((policy->kind == POLICY_MODEL || policy_draws_tokens(policy)) != (settings->model != NULL))
        return error_set(error, policy_draws_tokens(policy)
                                    ? "--policy fixedrdm or uniform-tokens needs -m DIR, for its "
                                      "tokenizer"
                                    : "--policy model and -m DIR go together");
    if (settings->completer.soft && (policy->kind != POLICY_MODEL || settings->completer.free_form))
        return error_set(error, "--soft goes with --policy model, and without --free-form");
    return policy->kind != POLICY_MODEL || sampling_usable(settings, error);
}

/* What the options said in their own types. */
static struct completer_settings completer_of(const struct sampling_settings *settings) {
    struct completer_settings completer = settings->completer;
    completer.password = text_of(settings->password != NULL ? settings->password : "");
    completer.place = (enum password_place)settings->place;
    completer.overflow = (enum overflow)settings->overflow;
    completer.rerender = settings->password != NULL || completer.template != NULL;
    completer.engine.sampling.temperature = (float)settings->temperature;
    completer.engine.sampling.top_p = (float)settings->top_p;
    completer.write_round = settings->round >= 0;
    completer.round = settings->round >= 0 ? (uint64_t)settings->round : 0;
    return completer;
}

struct run {
    struct device *device;
    struct model model;
    struct tokenizer *tokenizer;
    struct filter *filter;
    struct completer *completer;
};

static bool run_open(struct run *run, struct invocation *invocation,
                     const struct sampling_settings *settings, struct error *error) {
    struct completer_settings completer = completer_of(settings);
    run->device = device_open(settings->device, (int)settings->threads, error);
    if (run->device == NULL ||
        !model_open(&run->model, settings->model, run->device,
                    (struct model_opening){MODEL_INFERENCE, (enum model_type)settings->type},
                    error))
        return false;
    buffer_format(&invocation->arguments, "--threads=%d\n", device_threads(run->device));
    run->tokenizer = tokenizer_open(settings->model, error);
    if (run->tokenizer == NULL)
        return false;
    run->filter = filter_open(invocation, &settings->filter, 0, &completer.seed, error);
    if (run->filter == NULL)
        return false;
    filter_add_source(run->filter, "model", run->model.digest);
    run->completer = completer_open(run->filter, &run->model, run->tokenizer, &completer, error);
    return run->completer != NULL;
}

static void run_close(struct run *run) {
    completer_close(run->completer);
    tokenizer_close(run->tokenizer);
    model_close(&run->model);
    device_close(run->device);
}

bool sampling_filter(struct invocation *invocation, struct sampling_settings *settings,
                     struct error *error) {
    struct run run = {0};
    struct record problem = {0};
    bool fine = run_open(&run, invocation, settings, error);
    while (fine && filter_next(run.filter, &problem, error))
        fine = completer_add(run.completer, &problem, error);
    fine = fine && error->text[0] == '\0' && completer_flush(run.completer, error);
    if (run.filter != NULL && !filter_close(run.filter, error))
        fine = false;
    record_free(&problem);
    run_close(&run);
    text_list_free(&settings->completer.stop_words);
    text_list_free(&settings->completer.stop_texts);
    return fine;
}

bool sampling_policy_filter(struct invocation *invocation, const struct policy_settings *policy,
                            struct sampling_settings *settings, struct error *error) {
    if (policy->kind != POLICY_MODEL) {
        struct policy_settings whole = *policy;
        whole.tokenizer = settings->model;
        whole.template = settings->completer.template;
        whole.seed = settings->completer.seed;
        return policy_filter(invocation, &whole, error);
    }
    settings->filter = policy->filter;
    settings->completer.samples = policy->samples;
    settings->completer.policy = policy->name != NULL ? policy->name
                                 : policy->weak       ? "weak"
                                                      : "strong";
    return sampling_filter(invocation, settings, error);
}
