/*
 * sample: problems in, completions out. Prompts get their password, where one is asked for, and go
 * through the model many at once; results leave in the order of the input.
 */
#include "infer/sampling.h"

static struct sampling_settings settings = SAMPLING_DEFAULTS;

static const struct option_entry options[] = {
    FILTER_OPTIONS(settings.filter),
    {OPTION_TEXT, 'p', "password", "TEXT", &settings.password, "put this password into the prompt"},
    {OPTION_CHOICE, 0, "password-at", NULL, &settings.place, "where it stands (default both)",
     .choices = PASSWORD_PLACES},
    {OPTION_INTEGER, 'n', "samples", "N", &settings.completer.samples,
     "completions a problem (default 1)", .minimum = 1, .maximum = 1e6},
    SAMPLING_OPTIONS(settings, "default 0: greedy"),
    {OPTION_FLAG, 0, "score", NULL, &settings.completer.score,
     "draw nothing: log-probabilities of the completions that the records have"},
    {OPTION_FLAG, 0, "token-logprobs", NULL, &settings.completer.write_token_logprobs,
     "with --score: of every token as well"},
    {OPTION_FILE, 0, "rate", "NAME", &settings.completer.rate,
     "draw nothing: as a judge, through this template, rate the completions that the records have "
     "(for grade-judge)"},
    {OPTION_TEXT, 0, "policy", "NAME", &settings.completer.policy,
     "what the field `policy`, or `judge`, says (default model)"},
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

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};

    tool_start(&invocation, &tool, argc, argv);
    if (!sampling_usable(&settings, &error))
        tool_misused(&invocation, "%s", error.text);
    if (!sampling_filter(&invocation, &settings, &error))
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
