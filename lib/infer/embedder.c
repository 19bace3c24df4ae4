/* Batches of records for the sentence encoder. */
#include "infer/embedder.h"

#include <stdlib.h>
#include <string.h>

#include "text/ngrams.h"
#include "text/unicode.h"

enum { ROOM = 8192 }; /* tokens in one pass of the encoder */

/* A text of a waiting record: where its tokens lie, and its vector will. */
struct job {
    size_t record;
    bool reference;
};

struct embedder {
    struct filter *filter;
    const struct tokenizer *tokenizer;
    struct embedder_settings settings;
    char *name;
    struct encoder *encoder;
    struct sentence_encoder sentences;
    bool encodes; /* there is a sentence encoder */
    int64_t dimensions, cut;

    struct record *records; /* [batch], reused */
    size_t count;
    struct job *jobs; /* [2 · batch] */
    size_t job_count;
    struct token_list tokens;
    int32_t *offsets; /* [2 · batch + 1] */
    float *vectors;   /* [2 · batch, dimensions] */
    struct buffer packed;
    struct buffer lower; /* a text in lower case, for encoders that want it */
};

/* The last part of a path: "models/minilm/" is minilm. */
static char *own_name(const char *path) {
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    size_t start = size;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return format_text("%.*s", (int)(size - start), path + start);
}

static bool open_encoder(struct embedder *embedder, struct model *model, struct error *error) {
    const struct embedder_settings *settings = &embedder->settings;
    int64_t positions = model->config.positions;
    if (!sentence_encoder_open(&embedder->sentences, model, positions > ROOM ? positions : ROOM,
                               2 * settings->batch, error))
        return false;
    embedder->encodes = true;
    if (settings->pooling > 0)
        embedder->sentences.pooling = (enum pooling_kind)(settings->pooling - 1);
    embedder->dimensions = model->config.width;
    embedder->encoder = encoder_open(embedder->tokenizer);
    return true;
}

struct embedder *embedder_open(struct filter *filter, struct model *model,
                               const struct tokenizer *tokenizer,
                               const struct embedder_settings *settings, struct error *error) {
    struct embedder *embedder = allocate(1, sizeof *embedder);
    size_t batch = (size_t)settings->batch;
    embedder->filter = filter;
    embedder->tokenizer = tokenizer;
    embedder->settings = *settings;
    embedder->dimensions = NGRAM_DIMENSIONS;
    embedder->name = settings->name != NULL    ? copy_text(settings->name)
                     : settings->model == NULL ? copy_text(NGRAM_NAME)
                                               : own_name(settings->model);
    embedder->records = allocate(batch, sizeof *embedder->records);
    embedder->jobs = allocate(2 * batch, sizeof *embedder->jobs);
    embedder->offsets = allocate(2 * batch + 1, sizeof *embedder->offsets);
    if (model != NULL && !open_encoder(embedder, model, error)) {
        embedder_close(embedder);
        return NULL;
    }
    embedder->vectors = allocate(2 * batch * (size_t)embedder->dimensions, sizeof(float));
    return embedder;
}

void embedder_close(struct embedder *embedder) {
    if (embedder == NULL)
        return;
    for (int64_t i = 0; i < embedder->settings.batch; i++)
        record_free(&embedder->records[i]);
    if (embedder->encodes)
        sentence_encoder_close(&embedder->sentences);
    encoder_close(embedder->encoder);
    token_list_free(&embedder->tokens);
    buffer_free(&embedder->packed);
    buffer_free(&embedder->lower);
    free(embedder->name);
    free(embedder->records);
    free(embedder->jobs);
    free(embedder->offsets);
    free(embedder->vectors);
    free(embedder);
}

int64_t embedder_cut(const struct embedder *embedder) {
    return embedder->cut;
}

/* ---- texts in ---- */

/* Behind the tokens of the jobs before; a text too long keeps its beginning and what the tokenizer
 * puts at the end. */
static bool add_tokens(struct embedder *embedder, struct text text, struct error *error) {
    struct token_list *tokens = &embedder->tokens;
    size_t start = (size_t)embedder->offsets[embedder->job_count];
    size_t longest = (size_t)embedder->sentences.longest;
    if (embedder->sentences.lower_case) {
        embedder->lower.size = 0;
        utf8_lower(text, &embedder->lower);
        text = buffer_text(&embedder->lower);
    }
    if (!encoder_encode(embedder->encoder, text, ENCODE_ADD_SPECIAL | ENCODE_LITERAL, tokens,
                        error))
        return false;
    if (tokens->count == start)
        return error_set(error, "the text has no tokens");
    for (size_t i = start; i < tokens->count; i++)
        if (tokens->ids[i] >= embedder->sentences.model->config.vocabulary)
            return error_set(error, "token id %d is beyond the model's vocabulary of %lld",
                             (int)tokens->ids[i],
                             (long long)embedder->sentences.model->config.vocabulary);
    if (tokens->count - start > longest) {
        int32_t last = tokens->ids[tokens->count - 1];
        tokens->count = start + longest;
        if (last == tokenizer_eos(embedder->tokenizer))
            tokens->ids[tokens->count - 1] = last;
        embedder->cut++;
    }
    return true;
}

static bool add_job(struct embedder *embedder, const char *field, bool reference,
                    struct error *error) {
    const struct record *record = &embedder->records[embedder->count];
    struct text text;
    if (!record_text(record, field, &text, error))
        return false;
    if (embedder->encodes) {
        if (!add_tokens(embedder, text, error))
            return error_place(error, "field '%s'", field);
        embedder->offsets[embedder->job_count + 1] = (int32_t)embedder->tokens.count;
    } else {
        ngram_vector(text, embedder->vectors + embedder->job_count * (size_t)embedder->dimensions);
    }
    embedder->jobs[embedder->job_count++] = (struct job){embedder->count, reference};
    return true;
}

static bool add_jobs(struct embedder *embedder, struct error *error) {
    const struct embedder_settings *settings = &embedder->settings;
    const struct record *record = &embedder->records[embedder->count];
    return add_job(embedder, settings->text, false, error) &&
           (settings->reference == NULL || record_find(record, settings->reference) == NULL ||
            add_job(embedder, settings->reference, true, error));
}

bool embedder_add(struct embedder *embedder, const struct record *record, struct error *error) {
    size_t jobs = embedder->job_count;
    record_copy(&embedder->records[embedder->count], record);
    if (!add_jobs(embedder, error)) {
        embedder->job_count = jobs;
        embedder->tokens.count = (size_t)embedder->offsets[jobs];
        return filter_reject(embedder->filter, record, error);
    }
    embedder->count++;
    return embedder->count < (size_t)embedder->settings.batch || embedder_flush(embedder, error);
}

/* ---- vectors out ---- */

/* As many texts at a time as the encoder has room for. */
static bool encode_all(struct embedder *embedder, struct error *error) {
    const int32_t *offsets = embedder->offsets;
    int32_t room = (int32_t)embedder->sentences.room;
    for (size_t first = 0, next; first < embedder->job_count; first = next) {
        for (next = first + 1; next < embedder->job_count; next++)
            if (offsets[next + 1] - offsets[first] > room)
                break;
        int32_t base = offsets[first];
        int32_t *own = allocate(next - first + 1, sizeof *own);
        for (size_t i = first; i <= next; i++)
            own[i - first] = offsets[i] - base;
        bool fine = sentence_encoder_forward(
            &embedder->sentences, embedder->tokens.ids + base, own, (int64_t)(next - first),
            embedder->vectors + first * (size_t)embedder->dimensions, error);
        free(own);
        if (!fine)
            return false;
    }
    return true;
}

static void set_vector(struct embedder *embedder, const struct job *job, const float *vector) {
    struct buffer *packed = &embedder->packed;
    packed->size = 0;
    pack_array(packed, (size_t)embedder->dimensions);
    for (int64_t i = 0; i < embedder->dimensions; i++)
        pack_real(packed, (double)vector[i]);
    record_set_value(&embedder->records[job->record],
                     job->reference ? "reference_embedding" : "embedding",
                     (struct value){packed->data, packed->size});
}

bool embedder_flush(struct embedder *embedder, struct error *error) {
    if (embedder->encodes && !encode_all(embedder, error))
        return false;
    for (size_t i = 0; i < embedder->count; i++)
        record_begin_group(&embedder->records[i], GROUP_EMBEDDING);
    for (size_t i = 0; i < embedder->job_count; i++)
        set_vector(embedder, &embedder->jobs[i],
                   embedder->vectors + i * (size_t)embedder->dimensions);
    size_t count = embedder->count;
    embedder->count = embedder->job_count = embedder->tokens.count = 0;
    for (size_t i = 0; i < count; i++) {
        record_set_text(&embedder->records[i], "embedder", text_of(embedder->name));
        if (!filter_write(embedder->filter, &embedder->records[i], error))
            return false;
    }
    return true;
}
