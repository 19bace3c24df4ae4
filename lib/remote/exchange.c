/*
 * Requests under way: starting, finishing, and trying again. The caller's threads and the
 * exchange's share the queue, the counts and the states of requests, under one lock; a request that
 * is under way is touched by the exchange's thread alone.
 */
#include "remote/exchange.h"

#include <curl/curl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/progress.h"
#include "base/random.h"
#include "base/tool.h"
#include "remote/secret.h"
#include "remote/url.h"

enum { LOOK_MILLISECONDS = 200, CONNECT_SECONDS = 30, MESSAGE_LIMIT = 300 };

struct exchange {
    struct exchange_settings settings;
    struct endpoint_url url;
    CURLM *multi;
    struct curl_slist *headers;
    struct post **flying; /* [concurrency], NULL where a place is free; the thread's */
    int64_t under_way;    /* places taken */
    pthread_t thread;
    bool started;

    pthread_mutex_t lock; /* of all below, and of the states of requests */
    pthread_cond_t news;
    struct post *first, *last; /* those that wait, in their order */
    uint64_t outstanding, finished, told;
    double paused_until; /* the endpoint asked all of us to wait */
    bool giving_up, closing;
    struct exchange_counts counts;
    struct error trouble; /* of libcurl itself: the thread has ended */
};

/* ---- the queue of those that wait; with the lock held ---- */

static void queue(struct exchange *exchange, struct post *post) {
    post->next = NULL;
    if (exchange->last != NULL)
        exchange->last->next = post;
    else
        exchange->first = post;
    exchange->last = post;
}

/* The first that may start now, taken out; NULL, and when to look again. */
static struct post *take_next(struct exchange *exchange, double now, double *look_again) {
    struct post *before = NULL;

    for (struct post *post = exchange->first; post != NULL; before = post, post = post->next) {
        double due = fmax(post->not_before, exchange->paused_until);
        if (due > now) {
            *look_again = fmin(*look_again, due);
            continue;
        }
        if (before != NULL)
            before->next = post->next;
        else
            exchange->first = post->next;
        if (exchange->last == post)
            exchange->last = before;
        return post;
    }
    return NULL;
}

static void finish(struct exchange *exchange, struct post *post, enum post_state state) {
    buffer_free(&post->answer);
    post->state = state;
    exchange->outstanding--;
    exchange->finished++;
    pthread_cond_signal(&exchange->news);
}

/* ---- one try ---- */

static size_t receive(char *bytes, size_t size, size_t count, void *context) {
    struct post *post = context;

    if (post->answer.size + size * count > ANSWER_LIMIT) {
        post->too_long = true;
        return 0;
    }
    buffer_append(&post->answer, bytes, size * count);
    return size * count;
}

/* Nothing that the environment, a redirect or an old protocol could turn against the key. */
static void restrict_transfer(CURL *easy, const struct exchange *exchange) {
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    if (getenv("SSL_CERT_FILE") != NULL) /* as curl(1) has it, for authorities of one's own */
        curl_easy_setopt(easy, CURLOPT_CAINFO, getenv("SSL_CERT_FILE"));
    if (exchange->url.local) /* this machine is reached without a proxy */
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
}

static void set_up(CURL *easy, const struct exchange *exchange, struct post *post) {
    char *address = format_text("%s%s", exchange->url.base, post->path);

    curl_easy_setopt(easy, CURLOPT_URL, address);
    free(address);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body.size);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, post->body.bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, post);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, post);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "lockpick/" LOCKPICK_VERSION);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     (long)fmax(1, ceil(exchange->settings.timeout * 1000)));
    restrict_transfer(easy, exchange);
}

/* Puts a request into a free place. */
static bool start(struct exchange *exchange, struct post *post, struct error *error) {
    CURL *easy = curl_easy_init();
    size_t place = 0;

    while (exchange->flying[place] != NULL)
        place++;
    exchange->flying[place] = post;
    exchange->under_way++;
    post->easy = easy;
    post->answer.size = 0;
    post->too_long = false;
    post->tries++;
    if (easy == NULL)
        return error_set(error, "libcurl has no memory");
    set_up(easy, exchange, post);
    return curl_multi_add_handle(exchange->multi, easy) == CURLM_OK ||
           error_set(error, "libcurl cannot start a request");
}

/* Takes a request out of its place. */
static void land(struct exchange *exchange, struct post *post) {
    size_t place = 0;

    while (exchange->flying[place] != post)
        place++;
    exchange->flying[place] = NULL;
    exchange->under_way--;
    if (post->easy != NULL)
        curl_multi_remove_handle(exchange->multi, post->easy);
    curl_easy_cleanup(post->easy);
    post->easy = NULL;
}

/* ---- what came of a try ---- */

enum fate { FATE_GOOD, FATE_AGAIN, FATE_REFUSED, FATE_HOPELESS };

/* A member of the answer's "error" object, or, without one, of its own; borrowed from `answer`. */
static const char *error_member(const json_t *answer, const char *key) {
    const json_t *inside = json_object_get(answer, "error");
    const json_t *object = json_is_object(inside) ? inside : answer;
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* The size of a message, cut where it is long but not inside a character of UTF-8. */
static int message_size(const char *message) {
    size_t size = strnlen(message, MESSAGE_LIMIT);

    while (size > 0 && (message[size] & 0xc0) == 0x80)
        size--;
    return (int)size;
}

static bool worth_another_try(long status) {
    return status == 408 || status == 409 || status == 425 || status == 429 || status >= 500;
}

static enum fate judge_status(struct post *post, long status) {
    struct error ignored = {0};
    json_t *answer = json_parse(post->answer.data, post->answer.size, &ignored);
    const char *message = error_member(answer, "message");
    bool out_of_money =
        status == 402 || strcmp(error_member(answer, "code"), "insufficient_quota") == 0;

    error_set(&post->error, "the endpoint answers with status %ld%s%.*s", status,
              *message ? ": " : "", message_size(message), message);
    json_decref(answer);
    if (status >= 300 && status < 400) {
        error_set(&post->error,
                  "the endpoint redirects (status %ld), which is not followed with a key in hand; "
                  "the final address in --url would be right",
                  status);
        return FATE_HOPELESS;
    }
    if (out_of_money || status == 401 || status == 403 || status == 404)
        return FATE_HOPELESS;
    return worth_another_try(status) ? FATE_AGAIN : FATE_REFUSED;
}

static enum fate judge_failure(struct post *post, CURLcode code, double timeout) {
    if (post->too_long) {
        error_set(&post->error, "the endpoint's answer is longer than %d MiB", ANSWER_LIMIT >> 20);
        return FATE_REFUSED;
    }
    if (code == CURLE_OPERATION_TIMEDOUT)
        error_set(&post->error, "no answer from the endpoint within %g seconds (--timeout)",
                  timeout);
    else
        error_set(&post->error, "no answer from the endpoint: %s", curl_easy_strerror(code));
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_OUT_OF_MEMORY:
        return FATE_HOPELESS;
    default:
        return FATE_AGAIN;
    }
}

static enum fate judge(struct exchange *exchange, struct post *post, CURLcode code) {
    long status = 0;

    curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &status);
    buffer_reserve(&post->answer, 1); /* so that there is an address */
    secret_hide(exchange->settings.key, (char *)post->answer.data, post->answer.size);
    if (code != CURLE_OK)
        return judge_failure(post, code, exchange->settings.timeout);
    if (status < 200 || status >= 300)
        return judge_status(post, status);
    struct text answer = {(const char *)post->answer.data, post->answer.size};
    post->error.text[0] = '\0';
    if (post->accept(post, answer, &post->error))
        return FATE_GOOD;
    error_place(&post->error, "the endpoint's answer is of no use");
    return FATE_AGAIN;
}

/* ---- trying again ---- */

/*
 * Seconds to the next try: twice as long each time, and up to a quarter more drawn from the
 * request, so that requests refused together do not come back together.
 */
static double wait_before_retry(const struct exchange *exchange, const struct post *post) {
    enum { DOUBLINGS = 30 };
    struct random random;
    double wait = ldexp(exchange->settings.backoff, (int)fmin((double)post->tries - 1, DOUBLINGS));

    random_start(&random, &(struct random_name){.purpose = "back-off",
                                                .id = post->body,
                                                .sample = (uint64_t)post->tries});
    return fmin(wait, exchange->settings.longest_wait) * (1 + random_uniform(&random) / 4);
}

/* With the lock held. `asked`: the seconds that the endpoint wants us to wait. */
static void try_again(struct exchange *exchange, struct post *post, double asked) {
    double now = monotonic_seconds();

    if (post->tries > exchange->settings.retries || exchange->giving_up) {
        if (post->tries > 1)
            error_place(&post->error, "after %lld tries", (long long)post->tries);
        finish(exchange, post, POST_FAILED);
    } else if (asked > exchange->settings.longest_wait) {
        error_place(&post->error, "asked to wait %g seconds", asked);
        finish(exchange, post, POST_FAILED);
    } else {
        if (asked > 0)
            exchange->paused_until = fmax(exchange->paused_until, now + asked);
        post->not_before = now + fmax(asked, wait_before_retry(exchange, post));
        queue(exchange, post);
    }
}

static void settle(struct exchange *exchange, struct post *post, CURLcode code) {
    enum fate fate = judge(exchange, post, code);
    curl_off_t asked = 0;

    curl_easy_getinfo(post->easy, CURLINFO_RETRY_AFTER, &asked);
    land(exchange, post);
    pthread_mutex_lock(&exchange->lock);
    post->refused = fate == FATE_REFUSED;
    post->hopeless = fate == FATE_HOPELESS;
    if (fate == FATE_AGAIN)
        try_again(exchange, post, (double)asked);
    else
        finish(exchange, post, fate == FATE_GOOD ? POST_DONE : POST_FAILED);
    pthread_mutex_unlock(&exchange->lock);
}

/* ---- the thread ---- */

/* Starts what may start now; false when it is time to end. */
static bool start_some(struct exchange *exchange, double *look_again, struct error *error) {
    double now = monotonic_seconds();
    bool fine;

    *look_again = now + LOOK_MILLISECONDS / 1e3;
    pthread_mutex_lock(&exchange->lock);
    fine = !exchange->closing;
    while (fine && exchange->under_way < exchange->settings.concurrency) {
        struct post *post = take_next(exchange, now, look_again);
        if (post == NULL)
            break;
        exchange->counts.sent++;
        exchange->counts.retried += post->tries > 0;
        fine = start(exchange, post, error);
    }
    pthread_mutex_unlock(&exchange->lock);
    return fine;
}

static size_t settle_some(struct exchange *exchange) {
    CURLMsg *message;
    size_t settled = 0;
    int left;

    while ((message = curl_multi_info_read(exchange->multi, &left)) != NULL) {
        void *post = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&post);
        settle(exchange, post, code);
        settled++;
    }
    return settled;
}

static void *work(void *context) {
    struct exchange *exchange = context;
    struct error error = {0};
    double look_again = 0;

    while (start_some(exchange, &look_again, &error)) {
        int running;
        if (curl_multi_perform(exchange->multi, &running) != CURLM_OK) {
            error_set(&error, "libcurl fails at its work");
            break;
        }
        if (settle_some(exchange) == 0) {
            double wait = fmax(0, look_again - monotonic_seconds());
            curl_multi_poll(exchange->multi, NULL, 0, (int)ceil(wait * 1000), NULL);
        }
    }
    pthread_mutex_lock(&exchange->lock);
    exchange->trouble = error;
    pthread_cond_signal(&exchange->news);
    pthread_mutex_unlock(&exchange->lock);
    return NULL;
}

/* Signals go to the caller's threads, whose reads they are meant to end. */
static bool start_thread(struct exchange *exchange, struct error *error) {
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    exchange->started = pthread_create(&exchange->thread, NULL, work, exchange) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return exchange->started || error_set(error, "no thread can be started");
}

/* ---- the caller's side ---- */

static bool check_key(const struct exchange *exchange, struct error *error) {
    if (exchange->settings.key == NULL || exchange->url.https || exchange->url.local)
        return true;
    return error_set(error, "--url: the key would travel in the clear; an https address would be "
                            "right");
}

static struct curl_slist *make_headers(const char *key) {
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");

    headers = curl_slist_append(headers, "Expect:");
    if (key != NULL) {
        char *line = format_text("Authorization: Bearer %s", key);
        headers = curl_slist_append(headers, line);
        secret_free(line);
    }
    return headers;
}

static bool open_curl(struct exchange *exchange, struct error *error) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        exchange->multi = curl_multi_init();
        exchange->headers = make_headers(exchange->settings.key);
    }
    if (exchange->multi == NULL || exchange->headers == NULL)
        return error_set(error, "libcurl has no memory");
    curl_multi_setopt(exchange->multi, CURLMOPT_MAXCONNECTS, (long)exchange->settings.concurrency);
    return true;
}

struct exchange *exchange_open(const struct exchange_settings *settings, struct error *error) {
    struct exchange *exchange = allocate(1, sizeof *exchange);

    exchange->settings = *settings;
    exchange->flying = allocate((size_t)settings->concurrency, sizeof(struct post *));
    pthread_mutex_init(&exchange->lock, NULL);
    pthread_cond_init(&exchange->news, NULL);
    if (endpoint_url_parse(&exchange->url, settings->url, error) && check_key(exchange, error) &&
        open_curl(exchange, error) && start_thread(exchange, error))
        return exchange;
    exchange_close(exchange);
    return NULL;
}

const char *exchange_base(const struct exchange *exchange) {
    return exchange->url.base;
}

void exchange_post(struct exchange *exchange, struct post *post) {
    post->state = POST_WAITING;
    post->refused = post->hopeless = false;
    post->tries = 0;
    post->not_before = 0;
    post->easy = NULL;
    pthread_mutex_lock(&exchange->lock);
    queue(exchange, post);
    exchange->outstanding++;
    pthread_mutex_unlock(&exchange->lock);
    curl_multi_wakeup(exchange->multi);
}

enum post_state exchange_state(struct exchange *exchange, const struct post *post) {
    pthread_mutex_lock(&exchange->lock);
    enum post_state state = post->state;
    pthread_mutex_unlock(&exchange->lock);
    return state;
}

struct exchange_counts exchange_counts(struct exchange *exchange) {
    pthread_mutex_lock(&exchange->lock);
    struct exchange_counts counts = exchange->counts;
    pthread_mutex_unlock(&exchange->lock);
    return counts;
}

/* With the lock held: waits for news, but not long, since a signal is no news. */
static void wait_for_news(struct exchange *exchange) {
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_MILLISECONDS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&exchange->news, &exchange->lock, &until);
}

bool exchange_wait(struct exchange *exchange, struct error *error) {
    bool fine = true;

    pthread_mutex_lock(&exchange->lock);
    while (fine && exchange->outstanding > 0 && exchange->finished == exchange->told) {
        if (stop_requested())
            fine = error_set(error, "stopped by a signal");
        else if (exchange->trouble.text[0] != '\0')
            fine = error_set(error, "%s", exchange->trouble.text);
        else
            wait_for_news(exchange);
    }
    exchange->told = exchange->finished;
    pthread_mutex_unlock(&exchange->lock);
    return fine;
}

void exchange_drain(struct exchange *exchange) {
    struct post *next;

    pthread_mutex_lock(&exchange->lock);
    exchange->giving_up = true;
    for (struct post *post = exchange->first; post != NULL; post = next) {
        next = post->next;
        error_set(&post->error, "given up, because another request failed");
        finish(exchange, post, POST_FAILED);
    }
    exchange->first = exchange->last = NULL;
    while (exchange->outstanding > 0 && exchange->trouble.text[0] == '\0' && !stop_requested())
        wait_for_news(exchange);
    pthread_mutex_unlock(&exchange->lock);
}

/* After the thread has ended. */
static void break_off(struct exchange *exchange) {
    for (int64_t i = 0; i < exchange->settings.concurrency; i++)
        if (exchange->flying[i] != NULL) {
            struct post *post = exchange->flying[i];
            land(exchange, post);
            buffer_free(&post->answer);
        }
    for (struct post *post = exchange->first; post != NULL; post = post->next)
        buffer_free(&post->answer);
}

void exchange_close(struct exchange *exchange) {
    if (exchange == NULL)
        return;
    if (exchange->started) {
        pthread_mutex_lock(&exchange->lock);
        exchange->closing = true;
        pthread_mutex_unlock(&exchange->lock);
        curl_multi_wakeup(exchange->multi);
        pthread_join(exchange->thread, NULL);
    }
    break_off(exchange);
    for (struct curl_slist *line = exchange->headers; line != NULL; line = line->next)
        explicit_bzero(line->data, strlen(line->data));
    curl_slist_free_all(exchange->headers);
    curl_multi_cleanup(exchange->multi);
    endpoint_url_free(&exchange->url);
    pthread_mutex_destroy(&exchange->lock);
    pthread_cond_destroy(&exchange->news);
    free(exchange->flying);
    free(exchange);
}
