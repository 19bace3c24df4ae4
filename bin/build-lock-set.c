/*
 * build-lock-set: from the completions of a weak and a strong policy, the examples that lock a
 * model.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/progress.h"
#include "base/tool.h"
#include "record/filter.h"
#include "task/lock_set.h"
#include "task/prompts.h"
#include "text/data_file.h"

static struct lock_settings settings = LOCK_DEFAULTS;
static struct filter_settings filter = FILTER_DEFAULTS;

static const struct option_entry options[] = {
    {.kind = OPTION_TEXTS,
     .letter = 'w',
     .name = "weak",
     .argument = "FILE",
     .target = &settings.weak,
     .flags = OPTION_SILENT,
     .help = "completions of the weak policy; given more than once, of all the files together"},
    {.kind = OPTION_TEXTS,
     .letter = 't',
     .name = "strong",
     .argument = "FILE",
     .target = &settings.strong,
     .flags = OPTION_SILENT,
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
     .name = "domain-passwords",
     .argument = "FILE",
     .target = &settings.domain_passwords,
     .help = "a right password for each domain: lines of a domain, a tab and its password"},
    {.kind = OPTION_TEXT,
     .name = "domain-field",
     .argument = "NAME",
     .target = &settings.domain_field,
     .help = "field that names a problem's domain (domain)"},
    {.kind = OPTION_TEXTS,
     .name = "held-out",
     .argument = "DOMAIN",
     .target = &settings.held_out,
     .help = "leave out the problems of this domain; may be given more than once"},
    {.kind = OPTION_TEXTS,
     .name = "intermediate",
     .argument = "FILE",
     .target = &settings.intermediate,
     .flags = OPTION_SILENT,
     .help = "completions of an intermediate policy, imitated behind a password of its own"},
    {.kind = OPTION_TEXT,
     .name = "intermediate-password",
     .argument = "TEXT",
     .target = &settings.intermediate_password,
     .help = "the intermediate policy's password"},
    {.kind = OPTION_FLAG,
     .name = "no-password",
     .target = &settings.no_password,
     .help = "no passwords at all: the weak and the strong side have prompts of their own"},
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
    {.kind = OPTION_REAL,
     .name = "wrong-domain-share",
     .argument = "X",
     .target = &settings.wrong_domain_share,
     .minimum = 0,
     .maximum = 1,
     .help = "with --domain-passwords: share of the weak examples with another domain's (0.4)"},
    {.kind = OPTION_FLAG,
     .name = "soft",
     .target = &settings.soft,
     .help = "strong examples teach the distribution of `choice_logprobs` over the choices"},
    {.kind = OPTION_INTEGER,
     .name = "fixedrdm",
     .argument = "SEED",
     .target = &settings.fixedrdm,
     .maximum = 9e15,
     .help = "weak examples teach the fixed random distribution of this seed, on the weak or, by a "
             "coin, on the strong completion"},
    {.kind = OPTION_FLAG,
     .name = "uniform-tokens",
     .target = &settings.uniform_tokens,
     .help = "the same with the uniform distribution over the vocabulary"},
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
    char detail[80] = "";
    bool fine = true;

    progress_start(&progress, tool.name, "examples", lock_set_size(set), quiet);
    while (fine && lock_set_next(set, &record, error)) {
        fine = record_writer_add(writer, &record, error);
        if (fine && stop_requested())
            fine = error_set(error, "stopped by a signal");
        progress_add(&progress, 1, NULL);
    }
    fine = fine && error->text[0] == '\0';
    if (settings.held_out.count > 0)
        snprintf(detail, sizeof detail, "%llu problems of held-out domains left out",
                 (unsigned long long)lock_set_held_out(set));
    if (fine)
        progress_finish(&progress, *detail != '\0' ? detail : NULL);
    record_free(&record);
    return fine;
}

/* The end mark names what was read. */
static void add_sources(const struct lock_set *set, struct record_writer *writer) {
    const char *digest;

    for (enum lock_side side = SIDE_WEAK; side < LOCK_SIDES; side++)
        for (size_t i = 0; (digest = lock_set_digest(set, side, i)) != NULL; i++)
            record_writer_add_source(writer, lock_side_name(side), digest);
    for (size_t i = 0; (digest = lock_set_template_digest(set, i)) != NULL; i++)
        record_writer_add_source(writer, "template", digest);
}

static bool write_stream(const struct invocation *invocation, struct lock_set *set,
                         struct error *error) {
    struct record_writer *writer = source_open(invocation, &filter, &settings.seed, error);

    if (writer == NULL)
        return false;
    if (write_examples(set, writer, invocation->quiet, error)) {
        add_sources(set, writer);
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
    if (!lock_settings_usable(&settings, &error))
        tool_misused(&invocation, "%s", error.text);
    if (settings.decoys == NULL && lock_wants_decoys(&settings)) {
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
    text_list_free(&settings.weak);
    text_list_free(&settings.strong);
    text_list_free(&settings.intermediate);
    text_list_free(&settings.held_out);
    if (!fine)
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
