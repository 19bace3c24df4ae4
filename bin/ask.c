/*
 * ask: puts records before a remote model, through a prompt file, and writes what it answers: as
 * completions, into other fields, as ratings, or as embeddings.
 */
#include <stdio.h>
#include <stdlib.h>

#include "remote/asker.h"
#include "remote/secret.h"
#include "text/template.h"

#define DEFAULT_URL "https://api.openai.com/v1"
#define DEFAULT_KEY "OPENAI_API_KEY"

static struct {
    struct filter_settings filter;
    struct exchange_settings exchange;
    struct questions_settings questions;
    struct asker_settings asker;
    const char *url, *key_variable, *prompt, *examples, *into, *cache, *cache_as;
    struct text_list stop, parameters;
    int call;
    bool rating, log_probabilities, no_cache;
    double price_in, price_out; /* of a million tokens */
    int64_t top_logprobs;
} settings = {
    .filter = FILTER_DEFAULTS,
    .exchange = {.concurrency = 8, .retries = 6, .timeout = 300, .backoff = 1, .longest_wait = 600},
    .questions = {.batch = 64, .request = {.top_p = 1, .seed = -1}},
    .asker = {.samples = 1},
    .top_logprobs = 20,
};

static const struct option_entry options[] = {
    {OPTION_TEXT, 'm', "model", "NAME", &settings.questions.request.model, "the model to ask"},
    {OPTION_FILE, 'p', "prompt", "NAME", &settings.prompt,
     "a prompt of data/prompts/ask, or a file (default: the record's prompt as it is)"},
    {OPTION_FILE, 0, "examples", "FILE", &settings.examples,
     "records to show as examples, where the prompt has room for them"},
    {OPTION_INTEGER, 0, "shots", "N", &settings.asker.shot_count,
     "how many of them each question gets, drawn by seed and id", .minimum = 1, .maximum = 1000},
    {OPTION_TEXT, 0, "into", "FIELDS", &settings.into,
     "put the answer into FIELD[=TAG][:text|code|json],… instead of a completion"},
    {OPTION_FLAG, 0, "rating", NULL, &settings.rating,
     "ask for one digit and keep the probabilities of all (for grade-judge)"},
    {OPTION_TEXT, 0, "embed", "FIELD", &settings.asker.embed,
     "put the embedding of this field into 'embedding'"},
    {OPTION_TEXT, 0, "embed-reference", "FIELD", &settings.asker.embed_reference,
     "put the embedding of this field into 'reference_embedding'"},
    FILTER_OPTIONS(settings.filter),
    {OPTION_CHOICE, 0, "call", NULL, &settings.call, "the kind of endpoint (default chat)",
     .choices = "chat|completion"},
    {OPTION_INTEGER, 'n', "samples", "N", &settings.asker.samples,
     "completions a record (default 1)", .minimum = 1, .maximum = 1e6},
    {OPTION_REAL, 'T', "temperature", "X", &settings.questions.request.temperature, "default 0",
     .minimum = 0, .maximum = 100},
    {OPTION_REAL, 0, "top-p", "X", &settings.questions.request.top_p,
     "draw among the fewest tokens whose probabilities reach X (default 1: all)", .minimum = 1e-9,
     .maximum = 1},
    {OPTION_INTEGER, 0, "max-tokens", "N", &settings.questions.request.max_tokens,
     "at most N tokens of answer (default: the endpoint's own; 1 for ratings)", .minimum = 1,
     .maximum = 1e9},
    {OPTION_TEXTS, 0, "stop", "TEXT", &settings.stop, "end the answer before this text"},
    {OPTION_INTEGER, 's', "seed", "N", &settings.questions.request.seed,
     "of the examples; sent as well when given, plus the sample's index", .maximum = 1e15},
    {OPTION_FLAG, 0, "logprobs", NULL, &settings.log_probabilities,
     "write the answer's log-probability"},
    {OPTION_INTEGER, 0, "top-logprobs", "N", &settings.top_logprobs,
     "for ratings: how many tokens the endpoint lists (default 20)", .minimum = 1, .maximum = 1000},
    {OPTION_INTEGER, 0, "dimensions", "N", &settings.questions.request.dimensions,
     "of embeddings (default: the model's own)", .minimum = 1, .maximum = EMBEDDING_LIMIT},
    {OPTION_INTEGER, 0, "batch", "N", &settings.questions.batch,
     "texts in one embedding call (default 64)", .minimum = 1, .maximum = 2048},
    {OPTION_TEXTS, 0, "parameter", "NAME=JSON", &settings.parameters,
     "set a member of the request; null leaves it out"},
    {OPTION_TEXT, 0, "policy", "NAME", &settings.asker.policy,
     "what the field 'policy' ('judge', 'embedder') says (default: the model)"},
    {OPTION_TEXT, 'u', "url", "URL", &settings.url, "of the endpoint (default " DEFAULT_URL ")",
     .flags = OPTION_SILENT},
    {OPTION_TEXT, 0, "key-variable", "NAME", &settings.key_variable,
     "environment variable with the key (default " DEFAULT_KEY "; with --url: none)",
     .flags = OPTION_SILENT},
    {OPTION_INTEGER, 'j', "concurrency", "N", &settings.exchange.concurrency,
     "requests under way at once (default 8)", .minimum = 1, .maximum = 1000,
     .flags = OPTION_SILENT},
    {OPTION_INTEGER, 0, "retries", "N", &settings.exchange.retries,
     "tries after the first that fails (default 6)", .maximum = 1000, .flags = OPTION_SILENT},
    {OPTION_REAL, 0, "timeout", "SECONDS", &settings.exchange.timeout, "for one try (default 300)",
     .minimum = 1e-3, .maximum = 86400, .flags = OPTION_SILENT},
    {OPTION_REAL, 0, "backoff", "SECONDS", &settings.exchange.backoff,
     "before the second try; doubles from there (default 1)", .maximum = 3600,
     .flags = OPTION_SILENT},
    {OPTION_REAL, 0, "longest-wait", "SECONDS", &settings.exchange.longest_wait,
     "between two tries (default 600)", .maximum = 86400, .flags = OPTION_SILENT},
    {OPTION_FILE, 0, "cache", "FOLDER", &settings.cache,
     "where answers are kept (default ~/.cache/lockpick/ask)"},
    {OPTION_TEXT, 0, "cache-as", "NAME", &settings.cache_as,
     "what the cache calls the endpoint (default: its URL)", .flags = OPTION_SILENT},
    {OPTION_FLAG, 0, "no-cache", NULL, &settings.no_cache, "neither look there nor write",
     .flags = OPTION_SILENT},
    {OPTION_REAL, 0, "price-in", "X", &settings.price_in,
     "of a million prompt tokens, for the summary", .maximum = 1e9, .flags = OPTION_SILENT},
    {OPTION_REAL, 0, "price-out", "X", &settings.price_out, "of a million tokens of answer",
     .maximum = 1e9, .flags = OPTION_SILENT},
    {OPTION_END},
};

static const struct tool tool = {
    .name = "ask",
    .usage = "[options] -m NAME [FILE ...]",
    .summary = "Asks a remote model (OpenAI-compatible) about records.",
    .options = options,
    .notes = "The key comes from the environment only, and is sent over https or to this machine.",
};

struct run {
    char *key;
    struct conversation *conversation;
    struct shots *shots;
    struct answer_fields fields;
    struct exchange *exchange;
    struct cache *cache;
    struct questions *questions;
    struct filter *filter;
    struct asker *asker;
};

/* ---- what is asked for ---- */

static void choose_mode(const struct invocation *invocation) {
    struct asker_settings *asker = &settings.asker;
    bool embeds = asker->embed != NULL || asker->embed_reference != NULL;

    if (settings.questions.request.model == NULL)
        tool_misused(invocation, "-m NAME is needed");
    if (embeds + settings.rating + (settings.into != NULL) > 1)
        tool_misused(invocation, "--embed, --rating and --into exclude each other");
    asker->mode = embeds            ? ASK_EMBEDDING
                  : settings.rating ? ASK_RATING
                  : settings.into   ? ASK_FIELDS
                                    : ASK_COMPLETION;
    if (asker->mode != ASK_COMPLETION && asker->samples > 1)
        tool_misused(invocation, "--samples is for completions");
    if (embeds && settings.prompt != NULL)
        tool_misused(invocation, "--embed takes no --prompt");
    if ((settings.examples != NULL) != (asker->shot_count > 0))
        tool_misused(invocation, "--examples and --shots belong together");
    if (settings.no_cache && settings.cache != NULL)
        tool_misused(invocation, "--cache and --no-cache exclude each other");
}

static bool apply_settings(struct error *error) {
    struct request_settings *request = &settings.questions.request;
    struct asker_settings *asker = &settings.asker;
    size_t texts = (size_t)settings.questions.batch;
    size_t concurrency = (size_t)settings.exchange.concurrency;

    settings.questions.kind =
        asker->mode == ASK_EMBEDDING ? CALL_EMBEDDING : (enum call_kind)settings.call;
    request->stop = settings.stop.items;
    request->stop_count = settings.stop.count;
    request->top_logprobs = settings.log_probabilities ? 0 : -1;
    if (asker->mode == ASK_RATING) {
        request->top_logprobs = settings.top_logprobs;
        if (request->max_tokens == 0)
            request->max_tokens = 1;
    }
    asker->policy = asker->policy != NULL ? asker->policy : request->model;
    asker->sets_aside = settings.filter.rejects != NULL;
    asker->flush_every = asker->mode == ASK_EMBEDDING ? texts : 1;
    asker->window = (asker->mode == ASK_EMBEDDING ? texts : 4) * (concurrency + 1);
    for (size_t i = 0; i < settings.parameters.count; i++)
        if (!request_add_extra(&request->extra, settings.parameters.items[i], error))
            return false;
    return true;
}

/* ---- opening ---- */

/* The prompt file that was named, or the one that goes without saying. */
static struct conversation *open_prompt(struct error *error) {
    const char *name = settings.prompt == NULL && settings.rating ? "rate" : settings.prompt;
    struct conversation *conversation;
    char *path;

    if (name == NULL)
        return conversation_parse("prompt", text_of("{{prompt}}"), error);
    path = template_path("prompts/ask", name, error);
    conversation = path != NULL ? conversation_open(path, error) : NULL;
    free(path);
    return conversation;
}

static bool open_prompts(struct run *run, struct error *error) {
    bool fine;

    if (settings.into != NULL && !answer_fields_parse(settings.into, &run->fields, error))
        return false;
    if (settings.asker.mode == ASK_EMBEDDING)
        return true;
    run->conversation = open_prompt(error);
    if (run->conversation == NULL)
        return false;
    fine = conversation_has_examples(run->conversation) == (settings.examples != NULL);
    if (!fine)
        return error_set(error, settings.examples != NULL
                                    ? "the prompt has no part '=== example user' for --examples"
                                    : "the prompt shows examples; --examples FILE and --shots N "
                                      "would be right");
    if (settings.examples != NULL) {
        int64_t seed = settings.questions.request.seed;
        run->shots = shots_open(settings.examples, settings.asker.shot_count,
                                seed >= 0 ? (uint64_t)seed : 0, error);
        fine = run->shots != NULL;
    }
    return fine;
}

/* A key goes to the endpoint it was named for: the default one to the default endpoint. */
static bool find_key(struct run *run, struct error *error) {
    const char *variable = settings.key_variable;

    if (settings.url == NULL) {
        settings.url = DEFAULT_URL;
        variable = variable != NULL ? variable : DEFAULT_KEY;
    }
    if (variable != NULL) {
        run->key = secret_from_environment(variable, error);
        if (run->key == NULL)
            return false;
    }
    settings.exchange.url = settings.url;
    settings.exchange.key = run->key;
    return true;
}

static bool open_endpoint(struct run *run, struct error *error) {
    if (!find_key(run, error))
        return false;
    run->exchange = exchange_open(&settings.exchange, error);
    if (run->exchange == NULL)
        return false;
    if (!settings.no_cache) {
        const char *name = settings.cache_as ? settings.cache_as : exchange_base(run->exchange);
        run->cache = cache_open(settings.cache, name, error);
        if (run->cache == NULL)
            return false;
    }
    run->questions = questions_open(&settings.questions, run->exchange, run->cache);
    return true;
}

static bool open_filter(struct run *run, const struct invocation *invocation, struct error *error) {
    int64_t given = settings.questions.request.seed;
    uint64_t seed = (uint64_t)given;

    run->filter = filter_open(invocation, &settings.filter, 0, given >= 0 ? &seed : NULL, error);
    if (run->filter == NULL)
        return false;
    if (run->conversation != NULL)
        filter_add_source(run->filter, "prompt", conversation_digest(run->conversation));
    if (run->shots != NULL)
        filter_add_source(run->filter, "examples", shots_digest(run->shots));
    settings.asker.conversation = run->conversation;
    settings.asker.shots = run->shots;
    settings.asker.fields = &run->fields;
    run->asker = asker_open(&settings.asker, run->filter, run->questions);
    return true;
}

/* ---- running ---- */

static void close_run(struct run *run) {
    exchange_close(run->exchange);
    asker_close(run->asker);
    questions_close(run->questions);
    cache_close(run->cache);
    shots_close(run->shots);
    conversation_close(run->conversation);
    answer_fields_free(&run->fields);
    secret_free(run->key);
    json_decref(settings.questions.request.extra);
    text_list_free(&settings.stop);
    text_list_free(&settings.parameters);
}

static bool ask_all(struct run *run, struct error *error) {
    struct record record = {0};
    bool fine = true;

    while (fine && filter_next(run->filter, &record, error))
        fine = asker_add(run->asker, &record, error);
    fine = fine && error->text[0] == '\0' && asker_finish(run->asker, error);
    record_free(&record);
    if (!fine && run->exchange != NULL)
        exchange_drain(run->exchange);
    return fine;
}

/* What it cost, also when it failed half-way. */
static void say_counts(const struct invocation *invocation, const struct run *run) {
    struct questions_counts counts = questions_counts(run->questions);
    struct exchange_counts sent = exchange_counts(run->exchange);
    double cost = ((double)counts.usage.prompt * settings.price_in +
                   (double)counts.usage.completion * settings.price_out) /
                  1e6;
    char price[64] = "";

    if (settings.price_in > 0 || settings.price_out > 0)
        snprintf(price, sizeof price, "; cost %.6g", cost);
    tool_say(invocation,
             "%llu answers, %llu more known already; %llu requests, %llu of them retries; %llu "
             "prompt tokens, %llu completion tokens%s",
             (unsigned long long)counts.asked, (unsigned long long)counts.cached,
             (unsigned long long)sent.sent, (unsigned long long)sent.retried,
             (unsigned long long)counts.usage.prompt, (unsigned long long)counts.usage.completion,
             price);
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};
    struct run run = {0};
    bool fine;

    tool_start(&invocation, &tool, argc, argv);
    choose_mode(&invocation);
    fine = apply_settings(&error) && open_prompts(&run, &error) && open_endpoint(&run, &error) &&
           open_filter(&run, &invocation, &error);
    if (fine) {
        fine = ask_all(&run, &error);
        if (!filter_close(run.filter, &error))
            fine = false;
        say_counts(&invocation, &run);
    }
    close_run(&run);
    if (!fine)
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
