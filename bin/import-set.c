/*
 * import-set: dataset files as they are published, or tables of one's own, to problems.
 */
#include <string.h>

#include "base/tool.h"
#include "task/import.h"

static struct import_settings settings = {.format = -1, .filter = FILTER_DEFAULTS};

static const struct option_entry options[] = {
    {.kind = OPTION_CHOICE,
     .letter = 'F',
     .name = "format",
     .choices = IMPORT_FORMATS,
     .target = &settings.format,
     .help = "what the files are (needed)"},
    {.kind = OPTION_TEXTS,
     .letter = 'm',
     .name = "map",
     .argument = "FIELD=COLUMN",
     .target = &settings.map,
     .help = "json, csv, tsv: the column that holds a field; may be given several times"},
    {.kind = OPTION_TEXT,
     .name = "task",
     .argument = "NAME",
     .target = &settings.task,
     .help = "json, csv, tsv: what the field 'task' says"},
    {.kind = OPTION_TEXT,
     .name = "columns",
     .argument = "LIST",
     .target = &settings.columns,
     .help = "csv, tsv: names of the columns, for files whose first line does not name them"},
    {.kind = OPTION_TEXT,
     .name = "split",
     .argument = "NAME",
     .target = &settings.split,
     .help = "what the field 'split' says (default: what names of files and folders say)"},
    {.kind = OPTION_FILE,
     .name = "groups",
     .argument = "FILE",
     .target = &settings.groups,
     .help = "math, mmlu: the group of each subject (default: those of the paper)"},
    {.kind = OPTION_FLAG,
     .name = "name-group",
     .target = &settings.name_group,
     .help = "mmlu: name the group in every question"},
    {.kind = OPTION_FLAG,
     .name = "no-shot",
     .target = &settings.no_shot,
     .help = "mmlu: no worked examples, and no question set aside for them"},
    {.kind = OPTION_FLAG,
     .name = "functions",
     .target = &settings.functions,
     .help = "apps: keep problems that ask for a function, to be restated"},
    {.kind = OPTION_FLAG,
     .name = "only-functions",
     .target = &settings.only_functions,
     .help = "apps: keep those alone"},
    FILTER_OPTIONS(settings.filter),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "import-set",
    .usage = "--format NAME [options] [FILE|FOLDER ...]",
    .summary = "Turns datasets, as they are published, into problems.",
    .options = options,
    .notes = "Folders are read through, in the order of names.",
};

static void check_usage(const struct invocation *invocation) {
    bool plain = settings.format >= IMPORT_JSON;

    if (settings.format < 0)
        tool_misused(invocation, "--format is needed: %s", IMPORT_FORMATS);
    if (!plain && (settings.map.count > 0 || settings.task != NULL))
        tool_misused(invocation, "--map and --task are for the formats json, csv and tsv");
    if (settings.columns != NULL && settings.format < IMPORT_CSV)
        tool_misused(invocation, "--columns is for the formats csv and tsv");
    for (size_t i = 0; i < settings.map.count; i++) {
        const char *equals = strchr(settings.map.items[i], '=');
        if (equals == NULL || equals == settings.map.items[i] || equals[1] == '\0')
            tool_misused(invocation, "--map '%s': FIELD=COLUMN would be right",
                         settings.map.items[i]);
    }
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};

    tool_start(&invocation, &tool, argc, argv);
    check_usage(&invocation);
    bool fine = import_set(&invocation, &settings, &error);
    text_list_free(&settings.map);
    if (!fine)
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
