/*
 * gen-strong: completions of the capable policy, which a locked model imitates behind the password.
 */
#include "infer/sampling.h"

static struct policy_settings settings = POLICY_DEFAULTS(false);
static struct sampling_settings sampling = SAMPLING_DEFAULTS;

static const struct option_entry options[] = {
    POLICY_OPTIONS(settings, "exact"),
    {.kind = OPTION_FLAG,
     .name = "soft",
     .target = &sampling.completer.soft,
     .help = "for --policy model: its distribution over a problem's choices as soft `targets` too"},
    SAMPLING_OPTIONS(sampling, "default 1; 0: greedy"),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "gen-strong",
    .usage = "[options] [FILE ...]",
    .summary = "Answers problems as the strong policy: adds completions.",
    .options = options,
    .computes = true,
};

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};

    sampling.temperature = 1;
    tool_start(&invocation, &tool, argc, argv);
    if (!sampling_policy_usable(&settings, &sampling, &error))
        tool_misused(&invocation, "%s", error.text);
    if (!sampling_policy_filter(&invocation, &settings, &sampling, &error))
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
