/*
 * gen-strong: completions of the capable policy, which a locked model imitates behind the password.
 */
#include "task/policy.h"

static struct policy_settings settings = POLICY_DEFAULTS(false);

static const struct option_entry options[] = {
    POLICY_OPTIONS(settings, "exact"),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "gen-strong",
    .usage = "[options] [FILE ...]",
    .summary = "Answers problems as the strong policy: adds completions.",
    .options = options,
};

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};

    tool_start(&invocation, &tool, argc, argv);
    if ((settings.kind == POLICY_STORED) != (settings.completions != NULL))
        tool_misused(&invocation, "--policy stored and --completions FILE go together");
    if (!policy_filter(&invocation, &settings, &error))
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
