/* Answers of endpoints, through jansson. */
#include "remote/answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

enum { NOT_LISTED = -9999 }; /* what some endpoints list for a probability too small to tell */

void answer_free(struct answer *answer) {
    buffer_free(&answer->text);
    free(answer->embedding);
    *answer = (struct answer){0};
}

static void read_usage(const json_t *root, struct token_usage *usage) {
    const json_t *object = json_object_get(root, "usage");
    json_int_t prompt = json_integer_value(json_object_get(object, "prompt_tokens"));
    json_int_t completion = json_integer_value(json_object_get(object, "completion_tokens"));

    *usage = (struct token_usage){prompt > 0 ? (uint64_t)prompt : 0,
                                  completion > 0 ? (uint64_t)completion : 0};
}

/* ---- chat and completion ---- */

static bool take_text(const json_t *string, struct answer *answer) {
    answer->text.size = 0;
    buffer_append(&answer->text, json_string_value(string), json_string_length(string));
    return true;
}

/* A refusal stands in a member of its own; a filtered answer may have no text at all. */
static bool read_content(const json_t *choice, enum call_kind kind, struct answer *answer,
                         struct error *error) {
    const json_t *message = kind == CALL_CHAT ? json_object_get(choice, "message") : choice;
    const json_t *content = json_object_get(message, kind == CALL_CHAT ? "content" : "text");
    const json_t *refusal = json_object_get(message, "refusal");

    if (json_is_string(content))
        return take_text(content, answer);
    if (json_is_string(refusal))
        return take_text(refusal, answer);
    if (json_is_object(message) && strcmp(answer->finish, "content_filter") == 0) {
        answer->text.size = 0;
        return true;
    }
    return error_set(error, "the first of its choices has no text");
}

static bool read_finish(const json_t *choice, struct answer *answer, struct error *error) {
    static const char *const known[] = {"stop", "length", "content_filter"};
    const char *finish = json_string_value(json_object_get(choice, "finish_reason"));

    for (size_t i = 0; finish != NULL && i < sizeof known / sizeof known[0]; i++)
        if (strcmp(finish, known[i]) == 0) {
            snprintf(answer->finish, sizeof answer->finish, "%s", finish);
            return true;
        }
    return error_set(error,
                     "'finish_reason' is %.40s; stop, length or content_filter would be "
                     "right",
                     finish != NULL ? finish : "missing");
}

/* ln(e^a + e^b), and not above 0 where rounding, the endpoint's or ours, makes it a little more. */
static double add_log_probabilities(double a, double b) {
    double high = fmax(a, b);

    return isinf(high) ? high : fmin(0, high + log(exp(a - high) + exp(b - high)));
}

/*
 * Counts a listed token if it is a digit, alone or behind white space (a blank, or the sign that
 * SentencePiece has for one). Tokens such as "4" and " 4" are the same answer.
 */
static void count_digit(struct answer *answer, const char *token, size_t size, double logprob) {
    static const char *const blanks[] = {" ", "\n", "\t", "\u2581", "\u0120"};
    bool more = true;

    if (logprob <= NOT_LISTED)
        return;
    while (more) {
        more = false;
        for (size_t i = 0; i < sizeof blanks / sizeof blanks[0]; i++) {
            size_t length = strlen(blanks[i]);
            if (size > length && memcmp(token, blanks[i], length) == 0) {
                token += length;
                size -= length;
                more = true;
            }
        }
    }
    if (size == 1 && token[0] >= '0' && token[0] <= '9') {
        double *digit = &answer->digits[token[0] - '0'];
        *digit = add_log_probabilities(*digit, logprob);
    }
}

static bool log_probability(const json_t *value, double *logprob, struct error *error) {
    *logprob = json_is_number(value) ? json_number_value(value) : NAN;
    /* rounding may leave a probability a little above 1 */
    if (!isfinite(*logprob) || *logprob > 1e-3)
        return error_set(error, "a log-probability is missing or no finite number up to 0");
    *logprob = fmin(*logprob, 0);
    return true;
}

/*
 * What to make of log-probabilities that were asked for and are not there. Some endpoints list none
 * for an empty text, which has no tokens: then it is an answer without them, unless tokens that
 * could have come instead were asked for too.
 */
static bool lack_logprobs(const json_t *all, bool top, struct answer *answer, struct error *error) {
    if (top || answer->text.size > 0 || (all != NULL && !json_is_null(all)))
        return error_set(error, "the log-probabilities that were asked for are missing");
    answer->has_logprob = false;
    return true;
}

/* {"content": [{"token", "logprob", "top_logprobs": [{"token", "logprob"}]}]} */
static bool read_chat_logprobs(const json_t *logprobs, bool top, struct answer *answer,
                               struct error *error) {
    const json_t *content = json_object_get(logprobs, "content");
    const json_t *listed = json_object_get(json_array_get(content, 0), "top_logprobs");
    const json_t *entry;
    double logprob;
    size_t i;

    if (!json_is_array(content) || (top && json_array_size(listed) == 0))
        return lack_logprobs(content, top, answer, error);
    answer->logprob = 0;
    json_array_foreach(content, i, entry) {
        if (!log_probability(json_object_get(entry, "logprob"), &logprob, error))
            return false;
        answer->logprob += logprob;
    }
    json_array_foreach(listed, i, entry) {
        const json_t *token = json_object_get(entry, "token");
        if (!json_is_string(token))
            return error_set(error, "a listed token is no text");
        /* null stands for improbable */
        if (log_probability(json_object_get(entry, "logprob"), &logprob, &(struct error){0}))
            count_digit(answer, json_string_value(token), json_string_length(token), logprob);
    }
    return true;
}

/* {"token_logprobs": [x], "top_logprobs": [{"token": x}]} */
static bool read_completion_logprobs(const json_t *logprobs, bool top, struct answer *answer,
                                     struct error *error) {
    const json_t *all = json_object_get(logprobs, "token_logprobs");
    const json_t *listed = json_array_get(json_object_get(logprobs, "top_logprobs"), 0);
    const json_t *value;
    const char *token;
    double logprob;
    size_t i;

    if (!json_is_array(all) || (top && !json_is_object(listed)))
        return lack_logprobs(all, top, answer, error);
    answer->logprob = 0;
    json_array_foreach(all, i, value) {
        if (!log_probability(value, &logprob, error))
            return false;
        answer->logprob += logprob;
    }
    json_object_foreach((json_t *)(uintptr_t)listed, token, value) {
        if (log_probability(value, &logprob, &(struct error){0}))
            count_digit(answer, token, strlen(token), logprob);
    }
    return true;
}

static bool read_logprobs(const json_t *choice, enum call_kind kind,
                          const struct request_settings *settings, struct answer *answer,
                          struct error *error) {
    const json_t *logprobs = json_object_get(choice, "logprobs");
    bool top = settings->top_logprobs > 0;

    for (size_t i = 0; i < DIGIT_COUNT; i++)
        answer->digits[i] = -INFINITY;
    answer->has_logprob = settings->top_logprobs >= 0;
    if (!answer->has_logprob)
        return true;
    return kind == CALL_CHAT ? read_chat_logprobs(logprobs, top, answer, error)
                             : read_completion_logprobs(logprobs, top, answer, error);
}

bool answer_text(enum call_kind kind, const struct request_settings *settings, struct text bytes,
                 struct answer *answer, struct token_usage *usage, struct error *error) {
    json_t *root = json_parse(bytes.bytes, bytes.size, error);
    const json_t *choice = json_array_get(json_object_get(root, "choices"), 0);
    bool fine = root != NULL;

    *usage = (struct token_usage){0};
    if (fine && !json_is_object(choice))
        fine = error_set(error, "it has no 'choices'");
    fine = fine && read_finish(choice, answer, error) &&
           read_content(choice, kind, answer, error) &&
           read_logprobs(choice, kind, settings, answer, error);
    if (fine) {
        read_usage(root, usage);
        answer->token_count = usage->completion > 0 ? (int64_t)usage->completion : -1;
    }
    json_decref(root);
    return fine;
}

/* ---- embeddings ---- */

static bool check_numbers(const json_t *numbers, struct error *error) {
    const json_t *number;
    size_t i;

    if (json_array_size(numbers) == 0 || json_array_size(numbers) > EMBEDDING_LIMIT)
        return error_set(error, "an embedding has %zu numbers; 1 to %d would be right",
                         json_array_size(numbers), EMBEDDING_LIMIT);
    json_array_foreach(numbers, i, number) {
        if (!json_is_number(number) || !isfinite((float)json_number_value(number)))
            return error_set(error, "number %zu of an embedding is none, or beyond 32-bit reals",
                             i + 1);
    }
    return true;
}

/* The embedding of text `index`: "index" says which an element is of, or else its place. */
static const json_t *find_embedding(const json_t *data, size_t index) {
    const json_t *element = json_array_get(data, index);
    const json_t *told = json_object_get(element, "index");
    size_t i;

    if (!json_is_integer(told) || json_integer_value(told) == (json_int_t)index)
        return json_object_get(element, "embedding");
    json_array_foreach(data, i, element) {
        told = json_object_get(element, "index");
        if (json_is_integer(told) && json_integer_value(told) == (json_int_t)index)
            return json_object_get(element, "embedding");
    }
    return NULL;
}

/* All are looked at before any is taken. */
static bool check_embeddings(const json_t *data, size_t count, struct error *error) {
    size_t width = 0;

    if (json_array_size(data) != count)
        return error_set(error, "it has %zu embeddings for %zu texts", json_array_size(data),
                         count);
    for (size_t i = 0; i < count; i++) {
        const json_t *numbers = find_embedding(data, i);
        if (!check_numbers(numbers, error))
            return false;
        if (i > 0 && json_array_size(numbers) != width)
            return error_set(error, "its embeddings are of different widths");
        width = json_array_size(numbers);
    }
    return true;
}

bool answer_embeddings(struct text bytes, size_t count,
                       bool (*take)(void *context, size_t index, struct text numbers,
                                    struct error *error),
                       void *context, struct token_usage *usage, struct error *error) {
    json_t *root = json_parse(bytes.bytes, bytes.size, error);
    const json_t *data = json_object_get(root, "data");
    bool fine = root != NULL && check_embeddings(data, count, error);

    *usage = (struct token_usage){0};
    for (size_t i = 0; fine && i < count; i++) {
        char *text = json_dumps(find_embedding(data, i), JSON_COMPACT);
        fine = take(context, i, text_of(text), error);
        free(text);
    }
    if (fine)
        read_usage(root, usage);
    json_decref(root);
    return fine;
}

bool answer_embedding(struct text numbers, struct answer *answer, struct error *error) {
    json_t *array = json_loadb(numbers.bytes, numbers.size, 0, NULL);
    bool fine = check_numbers(array, error);

    if (fine) {
        free(answer->embedding);
        answer->width = json_array_size(array);
        answer->embedding = allocate(answer->width, sizeof *answer->embedding);
        for (size_t i = 0; i < answer->width; i++)
            answer->embedding[i] = (float)json_number_value(json_array_get(array, i));
    }
    json_decref(array);
    return fine;
}
