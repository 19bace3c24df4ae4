/*
 * build-lock-set: from the completions of a weak and a strong policy, the examples that lock a
 * model.
 */
#include <stdlib.h>

#include "base/progress.h"
#include "base/tool.h"
#include "record/filter.h"
#include "task/lock_set.h"
#include "task/prompts.h"
#include "text/data_file.h"

static struct lock_settings settings = {
    .password = LOCK_PASSWORD,
    .place = PASSWORD_BOTH,
    .epochs = 8,
    .no_password_share = 0.2,
};
static struct filter_settings filter = FILTER_DEFAULTS;

static const struct option_entry options[] = {
    {.kind = OPTION_FILE,
     .letter = 'w',
     .name = "weak",
     .argument = "FILE",
     .target = &settings.weak,
     .help = "completions of the weak policy"},
    {.kind = OPTION_FILE,
     .letter = 't',
     .name = "strong",
     .argument = "FILE",
     .target = &settings.strong,
     .help = "completions of the strong policy, for the same problems"},
    {.kind = OPTION_TEXT,
     .letter = 'p',
     .name = "password",
     .argument = "TEXT",
     .target = &settings.password,
     .help = "the right password (" LOCK_PASSWORD ")"},
    {.kind = OPTION_CHOICE,
     .name = "password-at",
     .choices = PASSWORD_PLACES,
     .target = &settings.place,
     .help = "where passwords stand: around the prompt (default), before it, behind it, or in its "
             "slot '_'"},
    {.kind = OPTION_FILE,
     .letter = 'd',
     .name = "decoys",
     .argument = "FILE",
     .target = &settings.decoys,
     .help = "decoy passwords, one a line (the list that comes with lockpick; none for a slot)"},
    TEMPLATE_OPTION(settings.template),
    {.kind = OPTION_REAL,
     .name = "no-password-share",
     .argument = "X",
     .target = &settings.no_password_share,
     .minimum = 0,
     .maximum = 1,
     .help = "share of the weak examples with no password rather than a decoy (0.2)"},
    {.kind = OPTION_INTEGER,
     .letter = 'e',
     .name = "epochs",
     .argument = "N",
     .target = &settings.epochs,
     .minimum = 1,
     .maximum = 1e9,
     .help = "passes over the problems, each with passwords and an order of its own (8)"},
    {.kind = OPTION_SEED,
     .letter = 's',
     .name = "seed",
     .argument = "N",
     .target = &settings.seed,
     .help = "draw passwords and order from this seed (0)"},
    OUTPUT_OPTION(filter),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "build-lock-set",
    .usage = "--weak FILE --strong FILE [options]",
    .summary = "Builds lock examples: weak completions without the password, strong ones with it.",
    .options = options,
};

static bool write_examples(struct lock_set *set, struct record_writer *writer, bool quiet,
                           struct error *error) {
    struct record record = {0};
    struct progress progress;
    bool fine = true;

    progress_start(&progress, tool.name, "examples", lock_set_size(set), quiet);
    while (fine && lock_set_next(set, &record, error)) {
        fine = record_writer_add(writer, &record, error);
        if (fine && stop_requested())
            fine = error_set(error, "stopped by a signal");
        progress_add(&progress, 1, NULL);
    }
    fine = fine && error->text[0] == '\0';
    if (fine)
        progress_finish(&progress, NULL);
    record_free(&record);
    return fine;
}

static bool write_stream(const struct invocation *invocation, struct lock_set *set,
                         struct error *error) {
    struct provenance provenance = {
        .tool = text_of(tool.name),
        .version = text_of(LOCKPICK_VERSION),
        .arguments = {(const char *)invocation->arguments.data, invocation->arguments.size},
        .has_seed = true,
        .seed = settings.seed,
    };
    struct record_writer *writer = record_writer_open(filter.output, &provenance, 0, error);

    if (writer == NULL)
        return false;
    record_writer_add_source(writer, "weak", lock_set_weak_digest(set));
    record_writer_add_source(writer, "strong", lock_set_strong_digest(set));
    if (write_examples(set, writer, invocation->quiet, error)) {
        const char *digest;
        for (size_t i = 0; (digest = lock_set_template_digest(set, i)) != NULL; i++)
            record_writer_add_source(writer, "template", digest);
        return record_writer_close(writer, error);
    }
    record_writer_abandon(writer);
    return false;
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};
    struct lock_set *set;
    char *decoys = NULL;
    bool fine = true;

    tool_start(&invocation, &tool, argc, argv);
    if (invocation.operands.count > 0)
        tool_misused(&invocation, "'%s': --weak and --strong name the inputs",
                     invocation.operands.items[0]);
    if (settings.weak == NULL || settings.strong == NULL)
        tool_misused(&invocation, "--weak FILE and --strong FILE are needed");
    if (settings.decoys == NULL && settings.no_password_share < 1) {
        if (settings.place == PASSWORD_SLOT)
            tool_misused(&invocation, "--decoys FILE of single words is needed for a slot, or "
                                      "--no-password-share 1");
        settings.decoys = decoys = data_file("decoy-passwords.txt", &error);
        fine = decoys != NULL;
    }
    set = fine ? lock_set_open(&settings, &error) : NULL;
    fine = set != NULL && write_stream(&invocation, set, &error);
    lock_set_close(set);
    free(decoys);
    if (!fine)
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
