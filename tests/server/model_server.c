/*
 * A model's endpoint for tests: speaks enough HTTP and enough of the OpenAI-compatible calls, and
 * misbehaves as it is told by words in what it is asked.
 *
 *     model_server PORT_FILE LOG_FILE [ANSWERS]
 *
 * listens on a free port of 127.0.0.1 and writes its number into PORT_FILE. LOG_FILE gets a line
 * for each request: path, requests under way, the Authorization header or "-", body. The last
 * message (or the prompt) is answered by "echo: " and the message; an embedded text by counts of
 * its letters. ANSWERS, a JSON array of {"when": [word, …], "say": text}, teaches it better: what
 * the first of them says whose words all stand in the body is the answer to a chat. Words:
 *
 *     @429 @500 @404 @401 …  that status; 429 with Retry-After: 0 (or @after=N: N seconds)
 *     @garbage @wrong        no JSON; JSON of another shape
 *     @cut @huge @hang       body cut off; endless body; no answer
 *     @redirect @slow        to /elsewhere; after 300 ms
 *     @leak                  repeats the Authorization header in its answer
 *     @badutf @filter @nofinish @nologprob
 *     @times=N               misbehave only the first N times that this body comes
 */
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xxhash.h>

enum { REQUEST_LIMIT = 16 << 20, SEEN_LIMIT = 65536, LETTERS = 8 };

/* The server's state; one lock for all. */
static struct {
    pthread_mutex_t lock;
    FILE *log;
    json_t *answers; /* NULL: none */
    int under_way;
    struct {
        uint64_t hash;
        int count;
    } seen[SEEN_LIMIT];
    size_t seen_count;
} server = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct request {
    int socket;
    char path[256];
    char authorization[512];
    char *body; /* ended by a zero */
    size_t size;
};

/* ---- HTTP ---- */

static void send_all(int socket, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t sent = send(socket, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        size -= (size_t)sent;
    }
}

static void respond(int socket, int status, const char *headers, const char *body, size_t size) {
    char head[1024];
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\n%s"
                          "Content-Length: %zu\r\n\r\n",
                          status, headers, size);
    send_all(socket, head, (size_t)length);
    send_all(socket, body, size);
}

/* Reads headers, then as much body as they say. False at the end of the connection. */
static bool read_request(struct request *request) {
    char *bytes = malloc(REQUEST_LIMIT + 1);
    size_t have = 0, head = 0, wanted = 0;

    request->body = NULL;
    while (bytes != NULL && (head == 0 || have < head + wanted) && have < REQUEST_LIMIT) {
        ssize_t got = recv(request->socket, bytes + have, REQUEST_LIMIT - have, 0);
        if (got <= 0)
            break;
        have += (size_t)got;
        bytes[have] = '\0';
        char *end = head == 0 ? strstr(bytes, "\r\n\r\n") : NULL;
        if (end == NULL)
            continue;
        head = (size_t)(end - bytes) + 4;
        *end = '\0';
        const char *length = strcasestr(bytes, "\ncontent-length:");
        const char *key = strcasestr(bytes, "\nauthorization:");
        wanted = length != NULL ? strtoul(strchr(length, ':') + 1, NULL, 10) : 0;
        strcpy(request->authorization, "-");
        if (key != NULL)
            sscanf(strchr(key, ':') + 1, " %511[^\r\n]", request->authorization);
        sscanf(bytes, "%*s %255s", request->path);
    }
    if (head == 0 || have < head + wanted) {
        free(bytes);
        return false;
    }
    memmove(bytes, bytes + head, wanted);
    bytes[wanted] = '\0';
    request->body = bytes;
    request->size = wanted;
    return true;
}

/* ---- misbehaviour ---- */

static bool asked(const struct request *request, const char *word) {
    return strstr(request->body, word) != NULL;
}

static int number_behind(const struct request *request, const char *word, int otherwise) {
    const char *found = strstr(request->body, word);

    return found != NULL ? atoi(found + strlen(word)) : otherwise;
}

/* How many times this body has come, this time included. */
static int times_seen(const struct request *request) {
    uint64_t hash = XXH3_64bits(request->body, request->size);

    for (size_t i = 0; i < server.seen_count; i++)
        if (server.seen[i].hash == hash)
            return ++server.seen[i].count;
    if (server.seen_count < SEEN_LIMIT) {
        server.seen[server.seen_count].hash = hash;
        server.seen[server.seen_count++].count = 1;
    }
    return 1;
}

static bool respond_status(const struct request *request) {
    static const int statuses[] = {400, 401, 402, 404, 429, 500, 503};
    char word[16], headers[64] = "", body[700];

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        snprintf(word, sizeof word, "@%d", statuses[i]);
        if (!asked(request, word))
            continue;
        if (statuses[i] == 429)
            snprintf(headers, sizeof headers, "Retry-After: %d\r\n",
                     number_behind(request, "@after=", 0));
        snprintf(body, sizeof body,
                 "{\"error\":{\"message\":\"told to answer %d%s%s\",\"code\":\"%s\"}}", statuses[i],
                 asked(request, "@leak") ? " " : "",
                 asked(request, "@leak") ? request->authorization : "",
                 asked(request, "@quota") ? "insufficient_quota" : "none");
        respond(request->socket, statuses[i], headers, body, strlen(body));
        return true;
    }
    return false;
}

/* Sends a length that is a lie, and blanks until nobody listens. */
static void respond_huge(const struct request *request) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n";
    static const char block[1 << 16] = {' '};

    send_all(request->socket, head, strlen(head));
    while (send(request->socket, block, sizeof block, MSG_NOSIGNAL) > 0)
        continue;
}

/* Returns whether it has answered, in its way; `*over`: the connection is of no use any more. */
static bool misbehave(const struct request *request, bool *over) {
    static const char cut[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"choices\":[{";
    char byte;

    *over = asked(request, "@cut") || asked(request, "@huge") || asked(request, "@hang");
    if (asked(request, "@garbage"))
        respond(request->socket, 200, "", "<html>oops", 10);
    else if (asked(request, "@wrong"))
        respond(request->socket, 200, "", "{\"choices\":[{\"finish_reason\":\"stop\"}]}", 38);
    else if (asked(request, "@badutf"))
        respond(request->socket, 200, "", "{\"choices\":[\"\xff\"]}", 17);
    else if (asked(request, "@redirect"))
        respond(request->socket, 307, "Location: /elsewhere\r\n", "", 0);
    else if (asked(request, "@cut"))
        send_all(request->socket, cut, strlen(cut));
    else if (asked(request, "@huge"))
        respond_huge(request);
    else if (asked(request, "@hang"))
        while (recv(request->socket, &byte, 1, 0) > 0)
            continue;
    else
        return respond_status(request);
    return true;
}

/* ---- good answers ---- */

static json_t *logprobs_of(const char *text, const json_t *body) {
    json_int_t top = json_integer_value(json_object_get(body, "top_logprobs"));
    json_t *content = json_array(), *list = json_array();

    if (top > 0) {
        json_array_append_new(list, json_pack("{s:s, s:f}", "token", "4", "logprob", -0.5));
        json_array_append_new(list, json_pack("{s:s, s:f}", "token", "5", "logprob", -1.5));
        json_array_append_new(list, json_pack("{s:s, s:f}", "token", " 4", "logprob", -3.0));
        json_array_append_new(list, json_pack("{s:s, s:f}", "token", "I", "logprob", -2.5));
        json_array_append_new(list, json_pack("{s:s, s:f}", "token", "2", "logprob", -9999.0));
    }
    json_array_append_new(content, json_pack("{s:s, s:f, s:o}", "token", text, "logprob", -0.5,
                                             "top_logprobs", list));
    json_array_append_new(content, json_pack("{s:s, s:f}", "token", "", "logprob", -0.25));
    return json_pack("{s:o}", "content", content);
}

/* What it was taught to say to this request; NULL where nothing. */
static const char *taught(const struct request *request) {
    json_t *answer, *word;
    size_t i, j;

    json_array_foreach(server.answers, i, answer) {
        bool all = true;
        json_array_foreach(json_object_get(answer, "when"), j, word) {
            all = all && asked(request, json_string_value(word));
        }
        if (all)
            return json_string_value(json_object_get(answer, "say"));
    }
    return NULL;
}

static json_t *answer_chat(const struct request *request, const json_t *body) {
    const json_t *messages = json_object_get(body, "messages");
    const json_t *last = json_array_get(messages, json_array_size(messages) - 1);
    const char *text = json_string_value(json_object_get(last, "content"));
    const char *shown = strstr(text, "@say=");
    char *said = NULL;

    shown = shown != NULL ? shown + 5 : taught(request);
    if (asprintf(&said, "%s%s%s%s", shown != NULL ? "" : "echo: ", shown != NULL ? shown : text,
                 asked(request, "@leak") ? " " : "",
                 asked(request, "@leak") ? request->authorization : "") < 0)
        return NULL;
    json_t *choice = json_pack("{s:i, s:s, s:{s:s, s:s}}", "index", 0, "finish_reason",
                               asked(request, "@nofinish") ? "odd"
                               : asked(request, "@cap")    ? "length"
                                                           : "stop",
                               "message", "role", "assistant", "content", said);
    if (json_is_true(json_object_get(body, "logprobs")) && !asked(request, "@nologprob"))
        json_object_set_new(choice, "logprobs", logprobs_of(said, body));
    if (asked(request, "@filter")) {
        json_object_set_new(choice, "finish_reason", json_string("content_filter"));
        json_object_set_new(json_object_get(choice, "message"), "content", json_null());
    }
    free(said);
    return json_pack("{s:[o], s:{s:i, s:i}}", "choices", choice, "usage", "prompt_tokens", 10,
                     "completion_tokens", 3);
}

static json_t *answer_completion(const json_t *body) {
    const char *prompt = json_string_value(json_object_get(body, "prompt"));
    char *said = NULL;

    if (asprintf(&said, "echo: %s", prompt) < 0)
        return NULL;
    json_t *choice = json_pack("{s:s, s:s}", "finish_reason", "length", "text", said);
    if (json_object_get(body, "logprobs") != NULL)
        json_object_set_new(choice, "logprobs",
                            json_pack("{s:[f,f], s:[{s:f, s:f}]}", "token_logprobs", -1.0, -0.5,
                                      "top_logprobs", "1", -0.25,
                                      "\xe2\x96\x81"
                                      "3",
                                      -1.75));
    free(said);
    return json_pack("{s:[o], s:{s:i, s:i}}", "choices", choice, "usage", "prompt_tokens", 10,
                     "completion_tokens", 3);
}

/* Counts of a, b, c, … in the text, the last at least one where all are none; elements in reverse,
 * so that "index" matters. */
static json_t *answer_embedding(const json_t *body) {
    const json_t *input = json_object_get(body, "input");
    json_t *data = json_array();

    for (size_t i = json_array_size(input); i-- > 0;) {
        const char *text = json_string_value(json_array_get(input, i));
        json_t *numbers = json_array();
        int sum = 0;
        for (int letter = 'a'; letter < 'a' + LETTERS; letter++) {
            int count = 0;
            for (const char *c = text; *c != '\0'; c++)
                count += *c == letter;
            sum += count;
            if (letter == 'a' + LETTERS - 1 && sum == 0)
                count = 1;
            json_array_append_new(numbers, json_real(count / 8.0));
        }
        json_array_append_new(data, json_pack("{s:i, s:o}", "index", (int)i, "embedding", numbers));
    }
    return json_pack("{s:o, s:{s:i}}", "data", data, "usage", "prompt_tokens",
                     (int)json_array_size(input));
}

static void behave(const struct request *request) {
    json_t *body = json_loadb(request->body, request->size, JSON_ALLOW_NUL, NULL);
    json_t *answer = NULL;

    if (strcmp(request->path, "/v1/chat/completions") == 0)
        answer = answer_chat(request, body);
    else if (strcmp(request->path, "/v1/completions") == 0)
        answer = answer_completion(body);
    else if (strcmp(request->path, "/v1/embeddings") == 0)
        answer = answer_embedding(body);
    char *text = answer != NULL ? json_dumps(answer, 0) : NULL;
    if (text != NULL)
        respond(request->socket, 200, "", text, strlen(text));
    else
        respond(request->socket, 404, "", "{}", 2);
    free(text);
    json_decref(answer);
    json_decref(body);
}

/* ---- connections ---- */

static bool answer_one(const struct request *request) {
    bool over = false;

    pthread_mutex_lock(&server.lock);
    int times = times_seen(request);
    fprintf(server.log, "%s %d %s %s\n", request->path, ++server.under_way, request->authorization,
            request->body);
    fflush(server.log);
    pthread_mutex_unlock(&server.lock);
    if (asked(request, "@slow"))
        usleep(300000);
    if (times > number_behind(request, "@times=", 1 << 30) || !misbehave(request, &over))
        behave(request);
    pthread_mutex_lock(&server.lock);
    server.under_way--;
    pthread_mutex_unlock(&server.lock);
    return !over;
}

static void *serve(void *context) {
    struct request request = {.socket = (int)(intptr_t)context};

    while (read_request(&request)) {
        bool on = answer_one(&request);
        free(request.body);
        if (!on)
            break;
    }
    close(request.socket);
    return NULL;
}

/* Written under another name first, so that whoever waits for the file finds a number in it. */
static bool tell_port(int listener, const char *path) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    char partial[512];

    getsockname(listener, (struct sockaddr *)&address, &size);
    snprintf(partial, sizeof partial, "%s.partial", path);
    FILE *file = fopen(partial, "w");
    if (file == NULL)
        return false;
    fprintf(file, "%d\n", ntohs(address.sin_port));
    return fclose(file) == 0 && rename(partial, path) == 0;
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    server.answers = argc == 4 ? json_load_file(argv[3], 0, NULL) : NULL;
    if (argc < 3 || argc > 4 || (argc == 4 && server.answers == NULL) ||
        (server.log = fopen(argv[2], "w")) == NULL || listener < 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 512) != 0 || !tell_port(listener, argv[1])) {
        fprintf(stderr, "usage: model_server PORT_FILE LOG_FILE [ANSWERS]\n");
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        pthread_t thread;
        if (connection >= 0 &&
            pthread_create(&thread, NULL, serve, (void *)(intptr_t)connection) == 0)
            pthread_detach(thread);
    }
}
