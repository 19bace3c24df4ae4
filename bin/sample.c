/*
 * sample: problems in, completions out. Prompts get their password, where one is asked for, and go
 * through the model in batches; results leave in the order of the input.
 */
#include <stdlib.h>

#include "infer/completer.h"

static struct {
    struct filter_settings filter;
    struct completer_settings completer;
    const char *model;
    const char *password;
    int place;
    double temperature, top_p;
    struct text_list stop_words;
    const char *device;
    int64_t threads, round;
} settings = {
    .filter = FILTER_DEFAULTS,
    .completer = {.engine = {.max_tokens = 1024, .batch = 256, .room = 4096},
                  .policy = "model",
                  .samples = 1},
    .password = "",
    .top_p = 1,
    .device = "auto",
    .round = -1,
};

static const struct option_entry options[] = {
    {OPTION_FILE, 'm', "model", "DIR", &settings.model, "checkpoint to sample from"},
    FILTER_OPTIONS(settings.filter),
    {OPTION_TEXT, 'p', "password", "TEXT", &settings.password, "put this password into the prompt"},
    {OPTION_CHOICE, 0, "password-at", NULL, &settings.place, "where it stands (default both)",
     .choices = PASSWORD_PLACES},
    {OPTION_REAL, 'T', "temperature", "X", &settings.temperature, "default 0: greedy", .minimum = 0,
     .maximum = 1000},
    {OPTION_INTEGER, 0, "top-k", "N", &settings.completer.engine.sampling.top_k,
     "draw among the N likeliest tokens (default 0: all)", .maximum = 1e9},
    {OPTION_REAL, 0, "top-p", "X", &settings.top_p,
     "draw among the fewest tokens whose probabilities reach X (default 1: all)", .minimum = 1e-9,
     .maximum = 1},
    {OPTION_INTEGER, 'n', "samples", "N", &settings.completer.samples,
     "completions a problem (default 1)", .minimum = 1, .maximum = 1e6},
    {OPTION_INTEGER, 0, "max-tokens", "N", &settings.completer.engine.max_tokens,
     "at most N new tokens (default 1024)", .minimum = 1, .maximum = 1e9},
    {OPTION_TEXTS, 0, "stop-token", "TOKEN", &settings.stop_words,
     "end a completion at this token of the vocabulary, besides the model's own end tokens"},
    {OPTION_TEXT, 0, "policy", "NAME", &settings.completer.policy,
     "what the field `policy` says (default model)"},
    {OPTION_INTEGER, 0, "round", "N", &settings.round, "of a reinforcement pipeline: draws anew",
     .maximum = 1e15},
    {OPTION_SEED, 's', "seed", "N", &settings.completer.seed, "of what is drawn (default 0)"},
    {OPTION_FLAG, 0, "token-ids", NULL, &settings.completer.write_tokens,
     "write the completions' token ids as well"},
    {OPTION_INTEGER, 'b', "batch", "N", &settings.completer.engine.batch,
     "sequences decoded at once (default 256)", .minimum = 1, .maximum = 65536},
    {OPTION_TEXT, 'd', "device", "NAME", &settings.device, "cpu, cuda, cuda:N or auto (default)",
     .flags = OPTION_SILENT},
    {OPTION_INTEGER, 't', "threads", "N", &settings.threads, "CPU threads (default: all cores)",
     .maximum = 4096, .flags = OPTION_SILENT},
    {OPTION_END},
};

static const struct tool tool = {
    .name = "sample",
    .usage = "[options] -m DIR [FILE ...]",
    .summary = "Completes the prompts of problems with a model.",
    .options = options,
    .notes = "What is drawn depends on the seed, the problem's id, the sample's index and the "
             "round alone.",
    .computes = true,
};

struct run {
    struct device *device;
    struct model model;
    struct tokenizer *tokenizer;
    struct filter *filter;
    struct completer *completer;
    int32_t *stop_tokens;
};

/* The model's end tokens and those named on the command line. */
static bool gather_stop_tokens(struct run *run, struct engine_settings *engine,
                               struct error *error) {
    const struct model_config *config = &run->model.config;
    size_t count = 0;
    run->stop_tokens =
        allocate(config->end_token_count + settings.stop_words.count, sizeof *run->stop_tokens);
    for (size_t i = 0; i < config->end_token_count; i++)
        run->stop_tokens[count++] = config->end_tokens[i];
    for (size_t i = 0; i < settings.stop_words.count; i++) {
        const char *word = settings.stop_words.items[i];
        int32_t id = tokenizer_id(run->tokenizer, text_of(word));
        if (id < 0)
            return error_set(error, "--stop-token: the vocabulary has no token '%s'", word);
        run->stop_tokens[count++] = id;
    }
    engine->stop_tokens = run->stop_tokens;
    engine->stop_token_count = count;
    return true;
}

static bool open_run(struct run *run, struct invocation *invocation, struct error *error) {
    struct completer_settings *completer = &settings.completer;
    run->device = device_open(settings.device, (int)settings.threads, error);
    if (run->device == NULL || !model_open(&run->model, settings.model, run->device, error))
        return false;
    buffer_format(&invocation->arguments, "--threads=%d\n", device_threads(run->device));
    run->tokenizer = tokenizer_open(settings.model, error);
    if (run->tokenizer == NULL || !gather_stop_tokens(run, &completer->engine, error))
        return false;
    run->filter = filter_open(invocation, &settings.filter, 0, &completer->seed, error);
    if (run->filter == NULL)
        return false;
    filter_add_source(run->filter, "model", run->model.digest);
    run->completer = completer_open(run->filter, &run->model, run->tokenizer, completer, error);
    return run->completer != NULL;
}

static void apply_settings(void) {
    struct completer_settings *completer = &settings.completer;
    completer->password = text_of(settings.password);
    completer->place = (enum password_place)settings.place;
    completer->engine.sampling.temperature = (float)settings.temperature;
    completer->engine.sampling.top_p = (float)settings.top_p;
    completer->write_round = settings.round >= 0;
    completer->round = settings.round >= 0 ? (uint64_t)settings.round : 0;
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};
    tool_start(&invocation, &tool, argc, argv);
    if (settings.model == NULL)
        tool_misused(&invocation, "-m DIR is needed");
    apply_settings();

    struct run run = {0};
    struct record problem = {0};
    bool fine = open_run(&run, &invocation, &error);
    while (fine && filter_next(run.filter, &problem, &error))
        fine = completer_add(run.completer, &problem, &error);
    fine = fine && error.text[0] == '\0' && completer_flush(run.completer, &error);
    if (run.filter && !filter_close(run.filter, &error))
        fine = false;
    record_free(&problem);
    completer_close(run.completer);
    tokenizer_close(run.tokenizer);
    model_close(&run.model);
    device_close(run.device);
    free(run.stop_tokens);
    text_list_free(&settings.stop_words);
    if (!fine)
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
