/*
 * init-model: a checkpoint directory with fresh random weights, from a configuration and a
 * tokenizer.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/tool.h"
#include "model/model.h"
#include "text/tokenizer.h"

enum { TYPE_OF_CONFIG = -1, TYPE_F32, TYPE_BF16 }; /* --dtype */

static struct {
    const char *config;
    const char *tokenizer;
    const char *output;
    int type;
    uint64_t seed;
    int64_t threads;
    int64_t shard_size;
    bool replace;
    struct text_list settings;
} options = {.type = TYPE_OF_CONFIG};

static const struct option_entry table[] = {
    {OPTION_FILE, 0, "config", "FILE", &options.config,
     "config.json of the model, or a directory that holds one"},
    {OPTION_FILE, 0, "tokenizer", "FILE", &options.tokenizer,
     "tokenizer.json, or a directory that holds one; it is copied"},
    {OPTION_TEXTS, 0, "set", "KEY=VALUE", &options.settings,
     "change a number of the configuration (may be given several times)"},
    {OPTION_CHOICE, 0, "dtype", "TYPE", &options.type,
     "f32, or bf16 with low halves; else what the configuration says", .choices = "f32|bf16"},
    {OPTION_SEED, 0, "seed", "N", &options.seed, "seed of the weights (0)"},
    {OPTION_INTEGER, 0, "shard-size", "BYTES", &options.shard_size,
     "weights in one file, at most (default 5G)", .minimum = 1, .maximum = 1e15,
     .flags = OPTION_SILENT},
    {OPTION_INTEGER, 't', "threads", "N", &options.threads, "CPU threads (default: all cores)",
     .maximum = 4096, .flags = OPTION_SILENT},
    {OPTION_FLAG, 'f', "force", NULL, &options.replace, "replace DIR where it exists",
     .flags = OPTION_SILENT},
    {OPTION_FILE, 'o', "output", "DIR", &options.output, "the checkpoint directory to make"},
    {OPTION_END},
};

static const struct tool tool = {
    .name = "init-model",
    .usage = "--config FILE --tokenizer FILE [options] -o DIR",
    .summary = "Makes a model with random weights: a Hugging Face checkpoint directory.",
    .options = table,
    .notes = "Where the configuration has no vocab_size, or 0, the tokenizer's size is taken.\n"
             "The same seed gives the same weights on every device, with any number of threads.",
    .computes = true,
};

/* A vocabulary that the configuration leaves open is the tokenizer's; any other must hold it. */
static bool fit_vocabulary(json_t *json, int64_t tokens, struct error *error) {
    int64_t size;
    if (!json_get_integer(json, "vocab_size", false, 0, 0, INT64_MAX, &size, error))
        return false;
    if (size == 0)
        json_object_set_new(json, "vocab_size", json_integer(tokens));
    else if (size < tokens)
        return error_set(error,
                         "'vocab_size' is %" PRId64 ", but the tokenizer has %" PRId64
                         " tokens; --set vocab_size=0 takes the tokenizer's number",
                         size, tokens);
    return true;
}

/* The configuration as the command line wants it. */
static bool configure(struct model_config *config, int64_t tokens, struct error *error) {
    json_t *json = model_config_load(options.config, error);
    if (json == NULL)
        return false;
    bool fine = true;
    for (size_t i = 0; fine && i < options.settings.count; i++)
        fine =
            model_config_set(json, options.settings.items[i], error) || error_place(error, "--set");
    fine = fine &&
           ((fit_vocabulary(json, tokens, error) && model_config_from_json(config, json, error)) ||
            error_place(error, "%s", options.config));
    if (fine && options.type != TYPE_OF_CONFIG)
        model_config_set_type(config, options.type == TYPE_BF16 ? DTYPE_BF16 : DTYPE_F32);
    json_decref(json);
    return fine;
}

/* "init-model 0.1.0 --seed=1": what the bytes were made from, as one line. */
static char *made_by(const struct invocation *invocation) {
    char *line =
        format_text("init-model %s %.*s", LOCKPICK_VERSION, (int)invocation->arguments.size,
                    invocation->arguments.data ? (const char *)invocation->arguments.data : "");
    size_t end = 0;
    for (size_t i = 0; line[i] != '\0'; i++) {
        if (line[i] == '\n')
            line[i] = ' ';
        if (line[i] != ' ')
            end = i + 1;
    }
    line[end] = '\0';
    return line;
}

/* Draws the weights and puts the directory in place. */
static bool make(const struct invocation *invocation, struct model_config *config,
                 struct device *device, struct error *error) {
    struct output_directory directory;
    if (!checkpoint_directory_open(&directory, options.output, options.replace, error))
        return false;
    struct model model;
    char *maker = made_by(invocation);
    bool fine = model_initialize(&model, config, device, options.seed, error);
    if (fine) {
        model.shard_size = options.shard_size;
        fine = model_save(&model, directory.partial, options.tokenizer, maker, error) &&
               directory_commit(&directory, error);
        if (fine)
            tool_say(invocation, "%" PRId64 " parameters, %s, in %s",
                     model_config_parameters(&model.config), dtype_name(model.config.type),
                     options.output);
        model_close(&model);
    }
    directory_abandon(&directory);
    free(maker);
    return fine;
}

int main(int argc, char **argv) {
    struct invocation invocation;
    tool_start(&invocation, &tool, argc, argv);
    if (options.config == NULL || options.tokenizer == NULL || options.output == NULL)
        tool_misused(&invocation, "--config, --tokenizer and -o are all needed");
    if (invocation.operands.count > 0)
        tool_misused(&invocation, "'%s' is one operand too many", invocation.operands.items[0]);

    struct error error = {0};
    struct tokenizer *tokenizer = tokenizer_open(options.tokenizer, &error);
    if (tokenizer == NULL)
        tool_fail(&invocation, &error);
    int64_t tokens = tokenizer_size(tokenizer);
    tokenizer_close(tokenizer);

    struct model_config config;
    if (!configure(&config, tokens, &error))
        tool_fail(&invocation, &error);
    struct device *device = device_open("cpu", (int)options.threads, &error);
    bool fine = device != NULL && make(&invocation, &config, device, &error);
    device_close(device);
    text_list_free(&options.settings);
    if (!fine)
        tool_fail(&invocation, &error);
    tool_end(&invocation);
}
