/*
 * embed: adds vectors of completions, and of the references that they are held against, made by a
 * sentence encoder or, for trials without one, by hashed n-grams.
 */
#include "infer/embedder.h"

static struct {
    struct filter_settings filter;
    struct embedder_settings embedder;
    bool hashed;
    const char *device;
    int64_t threads;
    int type;
} settings = {
    .filter = FILTER_DEFAULTS,
    .embedder = {.text = "completion", .reference = "reference", .batch = 64},
    .device = "auto",
};

static const struct option_entry options[] = {
    {OPTION_FILE, 'm', "model", "DIR", &settings.embedder.model, "sentence encoder to use"},
    {OPTION_FLAG, 0, "hashed", NULL, &settings.hashed,
     "use hashed n-grams instead: spelling, not meaning"},
    {OPTION_TEXT, 0, "text", "FIELD", &settings.embedder.text,
     "put the vector of this field into `embedding` (default completion)"},
    {OPTION_TEXT, 0, "reference", "FIELD", &settings.embedder.reference,
     "put that of this one, where it is there, into `reference_embedding` (default reference)"},
    {OPTION_CHOICE, 0, "pooling", NULL, &settings.embedder.pooling,
     "how the rows of a text become one vector (default: as the checkpoint says)",
     .choices = "checkpoint|mean|first"},
    {OPTION_TEXT, 0, "name", "TEXT", &settings.embedder.name,
     "what the field `embedder` says (default: the directory's name)"},
    FILTER_OPTIONS(settings.filter),
    {OPTION_INTEGER, 'b', "batch", "N", &settings.embedder.batch, "records at once (default 64)",
     .minimum = 1, .maximum = 65536},
    {OPTION_CHOICE, 0, "dtype", NULL, &settings.type,
     "compute with f32 or bf16 weights (default: as stored, f16 as f32)", .choices = MODEL_TYPES},
    {OPTION_TEXT, 'd', "device", "NAME", &settings.device, "cpu, cuda, cuda:N or auto (default)",
     .flags = OPTION_SILENT},
    {OPTION_INTEGER, 't', "threads", "N", &settings.threads, "CPU threads (default: all cores)",
     .maximum = 4096, .flags = OPTION_SILENT},
    {OPTION_END},
};

static const struct tool tool = {
    .name = "embed",
    .usage = "[options] (-m DIR | --hashed) [FILE ...]",
    .summary = "Adds embeddings of completions and of their references.",
    .options = options,
    .computes = true,
};

struct run {
    struct device *device;
    struct model model;
    struct tokenizer *tokenizer;
    struct filter *filter;
    struct embedder *embedder;
};

static bool open_model(struct run *run, struct invocation *invocation, struct error *error) {
    const struct model_opening opening = {MODEL_ENCODING, (enum model_type)settings.type};
    run->device = device_open(settings.device, (int)settings.threads, error);
    if (run->device == NULL ||
        !model_open(&run->model, settings.embedder.model, run->device, opening, error))
        return false;
    buffer_format(&invocation->arguments, "--threads=%d\n", device_threads(run->device));
    run->tokenizer = tokenizer_open(settings.embedder.model, error);
    return run->tokenizer != NULL;
}

static bool open_run(struct run *run, struct invocation *invocation, struct error *error) {
    if (!settings.hashed && !open_model(run, invocation, error))
        return false;
    run->filter = filter_open(invocation, &settings.filter, 0, NULL, error);
    if (run->filter == NULL)
        return false;
    if (!settings.hashed)
        filter_add_source(run->filter, "model", run->model.digest);
    run->embedder = embedder_open(run->filter, settings.hashed ? NULL : &run->model, run->tokenizer,
                                  &settings.embedder, error);
    return run->embedder != NULL;
}

static void check_settings(struct invocation *invocation) {
    struct embedder_settings *embedder = &settings.embedder;
    if ((embedder->model != NULL) == settings.hashed)
        tool_misused(invocation, "either -m DIR or --hashed is needed");
    if (settings.hashed && (embedder->pooling != 0 || embedder->name != NULL))
        tool_misused(invocation, "--pooling and --name go with -m DIR");
    if (*embedder->reference == '\0')
        embedder->reference = NULL;
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};
    struct run run = {0};
    struct record record = {0};
    int64_t cut = 0;

    tool_start(&invocation, &tool, argc, argv);
    check_settings(&invocation);
    bool fine = open_run(&run, &invocation, &error);
    while (fine && filter_next(run.filter, &record, &error))
        fine = embedder_add(run.embedder, &record, &error);
    fine = fine && error.text[0] == '\0' && embedder_flush(run.embedder, &error);
    if (run.embedder != NULL)
        cut = embedder_cut(run.embedder);
    if (run.filter != NULL && !filter_close(run.filter, &error))
        fine = false;
    record_free(&record);
    embedder_close(run.embedder);
    tokenizer_close(run.tokenizer);
    model_close(&run.model);
    device_close(run.device);
    if (!fine)
        tool_fail(&invocation, &error);
    if (cut > 0)
        tool_say(&invocation, "%lld texts were longer than the encoder reads and were cut",
                 (long long)cut);
    tool_end(&invocation);
    return 0;
}
