/*
 * Talking to an HTTP endpoint: many POST requests under way at once, over one libcurl multi handle
 * in a thread of its own (so that they go on while the caller waits for input). What is worth a
 * second try is tried again after a wait that doubles; what the endpoint asks us to wait
 * (Retry-After) is waited, by all requests. The key goes to the endpoint's own host and nowhere
 * else: over https, or to this very machine; redirects are not followed.
 */
#ifndef LOCKPICK_REMOTE_EXCHANGE_H
#define LOCKPICK_REMOTE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

enum { ANSWER_LIMIT = 64 << 20 }; /* bytes of one answer, at most */

struct exchange_settings {
    const char *url;     /* "https://host/v1": paths are put behind it */
    const char *key;     /* NULL: the endpoint needs none */
    int64_t concurrency; /* requests under way at once */
    int64_t retries;     /* tries after the first */
    double timeout;      /* seconds for one try */
    double backoff;      /* seconds before the second try, twice that before the third, … */
    double longest_wait; /* an endpoint that asks for more has failed */
};

enum post_state {
    POST_WAITING,
    POST_DONE,
    POST_FAILED, /* `error` says why */
};

/* One request; owned by the caller, who leaves it alone and in place until it is done. */
struct post {
    const char *path; /* "/chat/completions" */
    struct text body;
    /*
     * Takes the body of an answer with status 2xx, borrowed; false where it is none of the kind
     * that was asked for: then the endpoint is asked again. Called from the exchange's thread.
     */
    bool (*accept)(struct post *post, struct text answer, struct error *error);
    void *owner;

    bool refused;  /* failed by what this request says: another might do better */
    bool hopeless; /* failed in a way that no other request would escape: a wrong key, say */
    struct error error;

    enum post_state state; /* from here on for the exchange alone; exchange_state() tells it */
    struct post *next;
    int64_t tries;
    double not_before;
    void *easy;
    struct buffer answer;
    bool too_long;
};

struct exchange_counts {
    uint64_t sent;    /* requests, every try counted */
    uint64_t retried; /* tries that were not the first */
};

struct exchange;

/* Refuses a URL that is no http(s) one, carries a name or a query, or would show the key. The texts
 * of the settings stay the caller's and must last. */
struct exchange *exchange_open(const struct exchange_settings *settings, struct error *error);
/* The URL in its normal form, without a slash at the end. */
const char *exchange_base(const struct exchange *exchange);
/* Puts a request behind those that wait, and starts it when its turn has come. */
void exchange_post(struct exchange *exchange, struct post *post);
/* Once it is not POST_WAITING, the request is the caller's again. */
enum post_state exchange_state(struct exchange *exchange, const struct post *post);
/*
 * Waits until a request has finished since the last call, or none is left. False when a signal
 * asked to stop, or libcurl itself fails.
 */
bool exchange_wait(struct exchange *exchange, struct error *error);
/*
 * Lets those under way come to their end, for they are paid for, and gives up the others. Returns
 * early when a signal asks to stop.
 */
void exchange_drain(struct exchange *exchange);
struct exchange_counts exchange_counts(struct exchange *exchange);
/* Breaks off what is under way. The requests must still be there. NULL is fine. */
void exchange_close(struct exchange *exchange);

#endif
