/* Records to requests, and results to fields. */
#include "infer/pending.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "grade/rating.h"
#include "task/choice_answer.h"
#include "task/choice_targets.h"

enum { DECODE_COMPLETION = DECODE_SKIP_SPECIAL | DECODE_CONTINUES | DECODE_PADDED };

static struct text text_in(const struct buffer *buffer) {
    return (struct text){(const char *)buffer->data, buffer->size};
}

void answering_free(struct answering *answering) {
    prompts_close(answering->prompts);
    encoder_close(answering->encoder);
    free(answering->stop_tokens);
    buffer_free(&answering->input);
    buffer_free(&answering->packed);
    token_list_free(&answering->tokens);
    token_list_free(&answering->targets);
    token_list_free(&answering->alternative);
    record_free(&answering->rated);
}

void pending_free(struct pending *pending) {
    record_free(&pending->record);
    token_stream_close(pending->stream);
    buffer_free(&pending->text);
    free(pending);
}

/* ---- the prompt ---- */

/* What a judge is asked: {{program}} is the completion, as {{completion}} is, so that the template
 * serves that the judge was taught with. */
static bool render_rating(struct answering *answering, const struct record *problem,
                          struct error *error) {
    const struct completer_settings *settings = &answering->settings;
    struct text completion;
    if (!record_text(problem, "completion", &completion, error))
        return false;
    record_copy(&answering->rated, problem);
    record_set_text(&answering->rated, "program", completion);
    return prompts_render(answering->prompts, &answering->rated, settings->password,
                          settings->place, &answering->input, error);
}

/* The prompt as the model sees it, in answering->input, and its tokens. */
static bool render(struct answering *answering, const struct record *problem, struct error *error) {
    const struct completer_settings *settings = &answering->settings;
    struct text input;
    answering->input.size = 0;
    answering->tokens.count = 0;
    if (settings->rate != NULL) {
        if (!render_rating(answering, problem, error))
            return false;
    } else if (settings->score && !settings->rerender && record_find(problem, "input") != NULL) {
        if (!record_text(problem, "input", &input, error))
            return false;
        buffer_append(&answering->input, input.bytes, input.size);
    } else if (!prompts_render(answering->prompts, problem, settings->password, settings->place,
                               &answering->input, error)) {
        return false;
    }
    return encoder_encode(answering->encoder, text_in(&answering->input), ENCODE_ADD_SPECIAL,
                          &answering->tokens, error);
}

/* ---- choices ---- */

/*
 * The token that a choice begins with behind the input: input and choice are encoded together, with
 * a blank between them where neither brings one, and must begin with the input's own tokens.
 */
static bool choice_token(struct answering *answering, struct text choice, struct error *error) {
    struct buffer *input = &answering->input;
    const struct token_list *tokens = &answering->tokens;
    struct token_list *together = &answering->alternative;
    size_t size = input->size;
    together->count = 0;
    choice_continue(text_in(input), choice, input);
    bool fine =
        encoder_encode(answering->encoder, text_in(input), ENCODE_ADD_SPECIAL, together, error);
    input->size = size;
    if (!fine)
        return false;
    if (together->count <= tokens->count ||
        memcmp(together->ids, tokens->ids, tokens->count * sizeof *tokens->ids) != 0)
        return error_set(error,
                         "choice '%.*s' runs together with the end of the prompt in this "
                         "tokenizer; a prompt that ends in ':' or a newline would be right",
                         choice.size > 40 ? 40 : (int)choice.size, choice.bytes);
    int32_t token = together->ids[tokens->count];
    for (size_t i = 0; i < answering->targets.count; i++)
        if (answering->targets.ids[i] == token)
            return error_set(error, "choices %zu and %zu begin with the same token", i + 1,
                             answering->targets.count + 1);
    token_list_add(&answering->targets, token);
    return true;
}

static bool choice_tokens(struct answering *answering, const struct record *problem,
                          struct error *error) {
    size_t count;
    if (!choice_count(problem, &count, error))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!choice_token(answering, choice_at(problem, i), error))
            return false;
    return true;
}

static bool rating_tokens(struct answering *answering, struct error *error) {
    for (int rating = RATING_LEAST; rating <= RATING_MOST; rating++) {
        char digit = (char)('0' + rating);
        if (!choice_token(answering, (struct text){&digit, 1}, error))
            return false;
    }
    return true;
}

/* The likeliest choice, the first among equals; at a temperature one drawn among them. */
static size_t choose(const struct answering *answering, struct pending *pending,
                     const struct generation *generation) {
    const float *logs = generation->target_log_probabilities;
    size_t count = (size_t)generation->target_count, best = 0;
    double temperature = (double)answering->settings.engine.sampling.temperature, total = 0;
    for (size_t i = 1; i < count; i++)
        if (logs[i] > logs[best])
            best = i;
    if (temperature == 0)
        return best;
    for (size_t i = 0; i < count; i++)
        total += exp((double)(logs[i] - logs[best]) / temperature);
    double left = random_uniform(&pending->random) * total;
    for (size_t i = 0; i + 1 < count; i++) {
        left -= exp((double)(logs[i] - logs[best]) / temperature);
        if (left < 0)
            return i;
    }
    return count - 1;
}

/* ---- asking ---- */

/* The tokens of the completion that is there, with the end token unless it was cut off. That one
 * counts in `logprob` but not in `n_tokens`, as with completions that were drawn. */
static bool score_tokens(struct answering *answering, const struct record *record,
                         struct error *error) {
    struct text completion, finish = {0};
    if (!record_text(record, "completion", &completion, error) ||
        !encoder_encode(answering->encoder, completion, ENCODE_CONTINUES, &answering->targets,
                        error))
        return false;
    const struct value *found = record_find(record, "finish");
    bool cut = found != NULL && value_text(*found, &finish) && text_is(finish, "length");
    answering->ends = !cut && answering->config->end_token_count > 0;
    if (answering->ends)
        token_list_add(&answering->targets, answering->config->end_tokens[0]);
    if (answering->targets.count == 0)
        return error_set(error, "the completion has no tokens; there is nothing to score");
    return true;
}

/* What the engine shall do for it, in answering->tokens and ->targets. */
static bool prepare(struct answering *answering, const struct record *problem, bool *chooses,
                    struct error *error) {
    const struct completer_settings *settings = &answering->settings;
    bool has_choices = record_find(problem, "choices") != NULL;
    answering->targets.count = 0;
    if (settings->soft && !has_choices)
        return error_set(error,
                         "no 'choices', whose distribution --soft would write; only problems "
                         "that have them would be right");
    *chooses = settings->rate != NULL || (has_choices && !settings->free_form && !settings->score);
    if (!render(answering, problem, error))
        return false;
    if (settings->rate != NULL)
        return rating_tokens(answering, error);
    if (settings->score)
        return score_tokens(answering, problem, error);
    return !*chooses || choice_tokens(answering, problem, error);
}

/* As ask --rating writes it: the verdict goes, and so does what another judge said. */
static void set_rating(struct answering *answering, struct record *record,
                       const float *log_probabilities, size_t count) {
    struct buffer *packed = &answering->packed;
    packed->size = 0;
    pack_map(packed, count);
    for (size_t i = 0; i < count; i++) {
        char digit = (char)('0' + RATING_LEAST + (int)i);
        pack_text(packed, (struct text){&digit, 1});
        pack_real(packed, (double)log_probabilities[i]);
    }
    record_begin_group(record, GROUP_GRADED);
    record_set_text(record, "judge", text_of(answering->settings.policy));
    record_set_value(record, "rating_logprobs", (struct value){packed->data, packed->size});
}

static void set_provenance(const struct answering *answering, struct pending *pending) {
    const struct completer_settings *settings = &answering->settings;
    struct record *record = &pending->record;
    record_set_text(record, "policy", text_of(settings->policy));
    record_set_integer(record, "sample", pending->sample);
    if (settings->write_round)
        record_set_unsigned(record, "round", settings->round);
}

/* The prompt does not fit the model: an empty completion that says so, or the least rating. */
static void overflow(struct answering *answering, struct pending *pending) {
    static const float least[] = {0};
    struct record *record = &pending->record;
    pending->ready = true;
    if (answering->settings.rate != NULL) {
        set_rating(answering, record, least, 1);
        return;
    }
    if (!answering->settings.score)
        record_set_text(record, "completion", (struct text){0});
    set_provenance(answering, pending);
    record_set_text(record, "finish", text_of("overflow"));
    record_set_integer(record, "n_tokens", 0);
}

/* Whether the model has positions for all that must go into it; a drawn token needs one. */
static bool fits(const struct answering *answering, bool chooses) {
    size_t behind = chooses ? 0 : answering->settings.score ? answering->targets.count - 1 : 1;
    return answering->tokens.count + behind <= (size_t)answering->config->positions;
}

static bool submit(struct answering *answering, struct engine *engine, struct pending *pending,
                   struct text id, struct error *error) {
    const struct completer_settings *settings = &answering->settings;
    struct random_name name = {.seed = settings->seed,
                               .purpose = pending->chooses ? "choose" : "sample",
                               .id = id,
                               .sample = (uint64_t)pending->sample,
                               .round = settings->round};
    struct request request = {.tokens = answering->tokens.ids,
                              .count = (int32_t)answering->tokens.count,
                              .targets = answering->targets.ids,
                              .target_count = (int32_t)answering->targets.count,
                              .alternatives = pending->chooses,
                              .random = name,
                              .user = pending};
    random_start(&pending->random, &name);
    if (settings->stop_texts.count > 0)
        pending->stream = token_stream_open(answering->tokenizer, DECODE_COMPLETION);
    return engine_submit(engine, &request, error);
}

struct pending *pending_start(struct answering *answering, struct engine *engine,
                              const struct record *problem, int64_t sample, struct error *error) {
    bool chooses = false;
    struct text id = {0};
    if (!prepare(answering, problem, &chooses, error) || !record_text(problem, "id", &id, error))
        return NULL;
    struct pending *pending = allocate(1, sizeof *pending);
    pending->sample = sample;
    pending->chooses = chooses;
    pending->ends = answering->ends;
    record_copy(&pending->record, problem);
    if (answering->settings.rate == NULL) {
        if (!answering->settings.score)
            record_begin_group(&pending->record, GROUP_COMPLETION);
        record_set_text(&pending->record, "input", text_in(&answering->input));
    }
    if (answering->settings.overflow == OVERFLOW_VERDICT && !fits(answering, chooses))
        overflow(answering, pending);
    else if (!submit(answering, engine, pending, id, error)) {
        pending_free(pending);
        return NULL;
    }
    return pending;
}

/* ---- stop texts ---- */

/* Where a stop text begins that ends behind byte `from`; text.size where there is none. */
static size_t find_stop(const struct answering *answering, const struct buffer *text, size_t from) {
    const struct text_list *stops = &answering->settings.stop_texts;
    size_t earliest = text->size;
    for (size_t i = 0; i < stops->count; i++) {
        size_t size = strlen(stops->items[i]);
        size_t start = from > size ? from - size : 0;
        if (text->size < start + size)
            continue;
        const uint8_t *found =
            memmem(text->data + start, text->size - start, stops->items[i], size);
        if (found != NULL && (size_t)(found - text->data) < earliest)
            earliest = (size_t)(found - text->data);
    }
    return earliest;
}

bool pending_hear(void *context, void *user, int32_t token) {
    const struct answering *answering = context;
    struct pending *pending = user;
    struct error ignored = {0}; /* the engine draws only tokens of the vocabulary */
    size_t before = pending->text.size;
    if (!token_stream_add(pending->stream, token, &pending->text, &ignored))
        return false;
    size_t stop = find_stop(answering, &pending->text, before);
    if (stop == pending->text.size)
        return false;
    pending->text.size = stop;
    pending->stopped = true;
    return true;
}

/* ---- fields ---- */

static void set_token_ids(struct answering *answering, struct record *record, const int32_t *ids,
                          size_t count) {
    struct buffer *packed = &answering->packed;
    packed->size = 0;
    pack_array(packed, count);
    for (size_t i = 0; i < count; i++)
        pack_integer(packed, ids[i]);
    record_set_value(record, "token_ids", (struct value){packed->data, packed->size});
}

static bool finish_completion(struct answering *answering, struct pending *pending,
                              const struct generation *generation, struct error *error) {
    struct record *record = &pending->record;
    if (!pending->stopped) {
        pending->text.size = 0;
        if (!tokenizer_decode(answering->tokenizer, generation->tokens.ids,
                              generation->tokens.count, DECODE_COMPLETION, &pending->text, error))
            return false;
    }
    record_set_text(record, "completion", text_in(&pending->text));
    if (answering->settings.write_tokens)
        set_token_ids(answering, record, generation->tokens.ids, generation->tokens.count);
    set_provenance(answering, pending);
    record_set_text(record, "finish",
                    text_of(generation->finish == FINISH_STOP ? "stop" : "length"));
    record_set_real(record, "logprob", generation->log_probability);
    record_set_integer(record, "n_tokens", (int64_t)generation->tokens.count);
    return true;
}

/* The distribution that finish_choice() wrote, as a field for others to learn from. */
static bool set_targets(struct answering *answering, struct record *record, struct text input,
                        struct error *error) {
    struct buffer *packed = &answering->packed;
    packed->size = 0;
    if (!choice_targets(record, input, packed, error))
        return false;
    record_set_value(record, "targets", (struct value){packed->data, packed->size});
    return true;
}

static bool finish_choice(struct answering *answering, struct pending *pending,
                          const struct generation *generation, struct error *error) {
    struct record *record = &pending->record;
    struct buffer *packed = &answering->packed;
    size_t best = choose(answering, pending, generation), count = (size_t)generation->target_count;
    struct text input = {0};
    struct error never;
    record_text(record, "input", &input, &never); /* pending_start() wrote it */
    pending->text.size = 0;
    choice_continue(input, choice_at(record, best), &pending->text);
    record_set_text(record, "completion", text_in(&pending->text));
    set_provenance(answering, pending);
    record_set_text(record, "finish", text_of("stop"));
    record_set_real(record, "logprob", (double)generation->target_log_probabilities[best]);
    record_set_integer(record, "n_tokens", 1);
    packed->size = 0;
    pack_map(packed, count);
    for (size_t i = 0; i < count; i++) {
        pack_text(packed, choice_at(record, i));
        pack_real(packed, (double)generation->target_log_probabilities[i]);
    }
    record_set_value(record, "choice_logprobs", (struct value){packed->data, packed->size});
    return !answering->settings.soft || set_targets(answering, record, input, error);
}

static void finish_score(struct answering *answering, struct pending *pending,
                         const struct generation *generation) {
    struct record *record = &pending->record;
    struct buffer *packed = &answering->packed;
    record_set_real(record, "logprob", generation->log_probability);
    record_set_integer(record, "n_tokens", generation->target_count - (pending->ends ? 1 : 0));
    record_set_boolean(record, "scored", true);
    if (!answering->settings.write_token_logprobs)
        return;
    packed->size = 0;
    pack_array(packed, (size_t)generation->target_count);
    for (int32_t i = 0; i < generation->target_count; i++)
        pack_real(packed, (double)generation->target_log_probabilities[i]);
    record_set_value(record, "token_logprobs", (struct value){packed->data, packed->size});
}

bool pending_finish(struct answering *answering, struct pending *pending,
                    const struct generation *generation, struct error *error) {
    if (answering->settings.rate != NULL)
        set_rating(answering, &pending->record, generation->target_log_probabilities,
                   (size_t)generation->target_count);
    else if (answering->settings.score)
        finish_score(answering, pending, generation);
    else if (pending->chooses)
        return finish_choice(answering, pending, generation, error);
    else
        return finish_completion(answering, pending, generation, error);
    return true;
}
