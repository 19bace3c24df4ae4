/*
 * split-set: marks each problem's part. The stream is spooled, for no problem's part is known
 * before all ids are.
 */
#include "base/tool.h"
#include "record/filter.h"
#include "task/split.h"
#include "task/spool.h"

static const char *shares_text = "weak=10,lock=40,elicit=30,validation=20";
static const char *sources_text;
static uint64_t seed;
static struct filter_settings settings = FILTER_DEFAULTS;

static const struct option_entry options[] = {
    {.kind = OPTION_TEXT,
     .name = "shares",
     .argument = "LIST",
     .target = &shares_text,
     .help = "parts and their shares (weak=10,lock=40,elicit=30,validation=20)"},
    {.kind = OPTION_TEXT,
     .name = "from",
     .argument = "LIST",
     .target = &sources_text,
     .help = "parts and the values of the field 'split' that they take their problems from, as in "
             "weak=train,lock=train,elicit=test+train,validation=test"},
    {.kind = OPTION_SEED,
     .letter = 's',
     .name = "seed",
     .argument = "N",
     .target = &seed,
     .help = "draw the parts from this seed (0)"},
    FILTER_OPTIONS(settings),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "split-set",
    .usage = "[options] [FILE ...]",
    .summary = "Marks the part of each problem, by seed and id, in exact shares of every domain.",
    .options = options,
    .notes = "Writes nothing before it has read everything; temporary files go to $TMPDIR or /tmp.",
};

/* A problem without a domain belongs to the domain of those without; likewise with splits. */
static bool add_problem(struct split *split, const struct record *record, struct error *error) {
    struct text id, domain = {"", 0}, source = {"", 0};

    return record_text(record, "id", &id, error) &&
           (record_find(record, "domain") == NULL ||
            record_text(record, "domain", &domain, error)) &&
           (sources_text == NULL || record_find(record, "split") == NULL ||
            record_text(record, "split", &source, error)) &&
           split_add(split, id, domain, source, error);
}

static bool read_all(struct filter *filter, struct split *split, struct spool *spool,
                     struct error *error) {
    struct record record = {0};
    bool fine = true;

    while (fine && filter_next(filter, &record, error))
        fine = add_problem(split, &record, error) ? spool_add(spool, &record, error)
                                                  : filter_reject(filter, &record, error);
    record_free(&record);
    return fine && error->text[0] == '\0';
}

static bool write_all(struct filter *filter, const struct split *split,
                      const struct split_shares *shares, struct spool *spool, struct error *error) {
    struct record record = {0};
    bool fine = spool_rewind(spool, error);

    for (size_t i = 0; fine && spool_next(spool, &record, error); i++) {
        record_set_text(&record, "part", text_of(split_part(split, shares, i)));
        fine = filter_write(filter, &record, error);
        if (fine && stop_requested())
            fine = error_set(error, "stopped by a signal");
    }
    record_free(&record);
    return fine && error->text[0] == '\0';
}

/* What fails inside is said by filter_close(), which then leaves no output behind. */
static bool split_stream(const struct invocation *invocation, const struct split_shares *shares,
                         const struct split_sources *sources, struct error *error) {
    struct filter *filter = filter_open(invocation, &settings, 0, &seed, error);
    struct spool *spool;
    struct split split;

    if (filter == NULL)
        return false;
    split_init(&split, seed);
    spool = spool_open(error);
    if (spool != NULL && read_all(filter, &split, spool, error)) {
        size_t misplaced = split_cut(&split, shares, sources);
        if (misplaced > 0)
            tool_say(invocation,
                     "%zu problems are of other splits than --from names: a domain has "
                     "too few of those",
                     misplaced);
        write_all(filter, &split, shares, spool, error);
    }
    spool_close(spool);
    split_free(&split);
    return filter_close(filter, error);
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct split_shares shares;
    struct split_sources sources = {0};
    struct error error = {0};

    tool_start(&invocation, &tool, argc, argv);
    if (!split_shares_parse(&shares, shares_text, &error))
        tool_misused(&invocation, "--shares: %s", error.text);
    if (sources_text != NULL && !split_sources_parse(&sources, &shares, sources_text, &error))
        tool_misused(&invocation, "--from: %s", error.text);
    if (!split_stream(&invocation, &shares, sources_text != NULL ? &sources : NULL, &error))
        tool_fail(&invocation, &error);
    split_sources_free(&sources);
    split_shares_free(&shares);
    tool_end(&invocation);
    return 0;
}
