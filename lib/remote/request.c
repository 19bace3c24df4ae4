/* Bodies of requests, through jansson. */
#include "remote/request.h"

#include <string.h>

#include "base/json.h"

enum { DIGITS = 15 };

static const char *const names[] = {"chat", "completion", "embedding"};
static const char *const paths[] = {"/chat/completions", "/completions", "/embeddings"};

const char *call_name(enum call_kind kind) {
    return names[kind];
}

const char *call_path(enum call_kind kind) {
    return paths[kind];
}

bool request_add_extra(json_t **extra, const char *assignment, struct error *error) {
    static const char *const own[] = {"model", "messages", "prompt", "input", "n", "stream"};
    const char *sign = strchr(assignment, '=');
    char *name;
    json_t *value;
    bool fine = true;

    if (sign == NULL || sign == assignment)
        return error_set(error, "--parameter: '%s' is no NAME=VALUE", assignment);
    name = format_text("%.*s", (int)(sign - assignment), assignment);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(name, own[i]) == 0)
            fine = error_set(error, "--parameter: '%s' cannot be set by hand", name);
    value = json_loads(sign + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (value == NULL)
        value = json_string(sign + 1);
    if (*extra == NULL)
        *extra = json_object();
    if (fine && json_object_set_new(*extra, name, value) != 0)
        fine = error_set(error, "--parameter: '%s' is no UTF-8", assignment);
    else if (!fine)
        json_decref(value);
    free(name);
    return fine;
}

/* A JSON string, or NULL and an error. */
static json_t *string_of(struct text text, struct error *error) {
    json_t *string = json_stringn(text.bytes != NULL ? text.bytes : "", text.size);

    if (string == NULL)
        error_set(error, "the text to be sent is no UTF-8");
    return string;
}

static json_t *messages_of(const struct message *messages, size_t count, struct error *error) {
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *content = string_of(messages[i].text, error);
        if (content == NULL) {
            json_decref(array);
            return NULL;
        }
        json_t *message = json_object();
        json_object_set_new(message, "role", json_string(messages[i].role));
        json_object_set_new(message, "content", content);
        json_array_append_new(array, message);
    }
    return array;
}

/* jansson leaves out what is no UTF-8, without a word. */
static bool check_settings(const struct request_settings *settings, struct error *error) {
    for (size_t i = 0; i <= settings->stop_count; i++) {
        const char *text = i < settings->stop_count ? settings->stop[i] : settings->model;
        json_t *string = json_string(text);
        json_decref(string);
        if (string == NULL)
            return error_set(error, "%s is no UTF-8",
                             i < settings->stop_count ? "--stop" : "the model's name");
    }
    return true;
}

static void set_extra(json_t *body, const json_t *extra) {
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)extra, name, value) {
        if (json_is_null(value))
            json_object_del(body, name);
        else
            json_object_set(body, name, value);
    }
}

static int append(const char *bytes, size_t size, void *buffer) {
    buffer_append(buffer, bytes, size);
    return 0;
}

/* Writes the body and lets it go. */
static bool write_body(json_t *body, const struct request_settings *settings,
                       struct buffer *buffer) {
    set_extra(body, settings->extra);
    json_dump_callback(body, append, buffer,
                       JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(DIGITS));
    json_decref(body);
    return true;
}

static void set_log_probabilities(enum call_kind kind, const struct request_settings *settings,
                                  json_t *body) {
    if (settings->top_logprobs < 0)
        return;
    if (kind == CALL_COMPLETION) {
        json_object_set_new(body, "logprobs", json_integer(settings->top_logprobs));
        return;
    }
    json_object_set_new(body, "logprobs", json_true());
    if (settings->top_logprobs > 0)
        json_object_set_new(body, "top_logprobs", json_integer(settings->top_logprobs));
}

static void set_sampling(const struct request_settings *settings, uint64_t sample, json_t *body) {
    json_object_set_new(body, "temperature", json_real(settings->temperature));
    if (settings->top_p < 1)
        json_object_set_new(body, "top_p", json_real(settings->top_p));
    if (settings->max_tokens > 0)
        json_object_set_new(body, "max_tokens", json_integer(settings->max_tokens));
    if (settings->seed >= 0)
        json_object_set_new(body, "seed", json_integer(settings->seed + (int64_t)sample));
    if (settings->stop_count > 0) {
        json_t *stop = json_array();
        for (size_t i = 0; i < settings->stop_count; i++)
            json_array_append_new(stop, json_string(settings->stop[i]));
        json_object_set_new(body, "stop", stop);
    }
}

bool request_text(enum call_kind kind, const struct request_settings *settings,
                  const struct message *messages, size_t count, uint64_t sample,
                  struct buffer *body, struct error *error) {
    json_t *asked;
    json_t *object;

    if (!check_settings(settings, error))
        return false;
    if (kind == CALL_COMPLETION && count != 1)
        return error_set(error,
                         "a completion call takes one text, the prompt has %zu messages; "
                         "a chat call would be right",
                         count);
    asked = kind == CALL_CHAT ? messages_of(messages, count, error)
                              : string_of(messages[0].text, error);
    if (asked == NULL)
        return false;
    object = json_object();
    json_object_set_new(object, "model", json_string(settings->model));
    json_object_set_new(object, kind == CALL_CHAT ? "messages" : "prompt", asked);
    set_sampling(settings, sample, object);
    set_log_probabilities(kind, settings, object);
    return write_body(object, settings, body);
}

bool request_embedding(const struct request_settings *settings, const struct text *texts,
                       size_t count, struct buffer *body, struct error *error) {
    json_t *object, *input;

    if (!check_settings(settings, error))
        return false;
    object = json_object();
    input = json_array();
    json_object_set_new(object, "model", json_string(settings->model));
    json_object_set_new(object, "input", input);
    for (size_t i = 0; i < count; i++) {
        json_t *text = string_of(texts[i], error);
        if (text == NULL) {
            json_decref(object);
            return false;
        }
        json_array_append_new(input, text);
    }
    json_object_set_new(object, "encoding_format", json_string("float"));
    if (settings->dimensions > 0)
        json_object_set_new(object, "dimensions", json_integer(settings->dimensions));
    return write_body(object, settings, body);
}
