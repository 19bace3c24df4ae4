/* A ring of jobs: given, in work, done, taken. */
#include "grade/code_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/tool.h"

enum state { STATE_FREE, STATE_WAITING, STATE_WORKING, STATE_DONE };

struct slot {
    struct code_job job;
    enum state state;
};

struct worker {
    struct code_pool *pool;
    struct code_grader *grader;
    pthread_t thread;
    bool started;
};

struct code_pool {
    const struct verdict_cache *cache;
    struct slot *slots;
    size_t slot_count;
    uint64_t given, taken, begun; /* jobs so far; job i lies in slot i mod slot_count */
    struct worker *workers;
    unsigned worker_count;
    bool closing;
    pthread_mutex_t lock; /* over all of the above that changes */
    pthread_cond_t work, done;
};

static bool grade_job(struct code_pool *pool, struct code_grader *grader, struct code_job *job) {
    struct verdict_key key = {{0}};

    if (pool->cache != NULL) {
        key = verdict_cache_key(pool->cache, job->code, &job->tests);
        if (verdict_cache_get(pool->cache, &key, &job->grade))
            return true;
    }
    return code_grade(grader, job->code, &job->tests, &job->grade, &job->error) &&
           (pool->cache == NULL || verdict_cache_put(pool->cache, &key, &job->grade, &job->error));
}

static void *work(void *data) {
    struct worker *worker = data;
    struct code_pool *pool = worker->pool;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->closing && pool->begun == pool->given)
            pthread_cond_wait(&pool->work, &pool->lock);
        if (pool->closing)
            break;
        struct slot *slot = &pool->slots[pool->begun++ % pool->slot_count];
        slot->state = STATE_WORKING;
        pthread_mutex_unlock(&pool->lock);
        slot->job.error.text[0] = '\0';
        if (!grade_job(pool, worker->grader, &slot->job) && slot->job.error.text[0] == '\0')
            error_set(&slot->job.error, "grading failed");
        pthread_mutex_lock(&pool->lock);
        slot->state = STATE_DONE;
        pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Sandboxes first, all of them: they die with the thread that opened them, which must be this one,
 * and no other thread is there yet while we fork. */
static bool start(struct code_pool *pool, const struct compiler *compiler,
                  const struct code_settings *settings, struct error *error) {
    sigset_t ours, before;
    bool fine = true;

    for (unsigned i = 0; fine && i < pool->worker_count; i++) {
        pool->workers[i].pool = pool;
        pool->workers[i].grader = code_grader_open(compiler, settings, error);
        fine = pool->workers[i].grader != NULL;
    }
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ours, &before); /* signals are for the main thread */
    for (unsigned i = 0; fine && i < pool->worker_count; i++) {
        struct worker *worker = &pool->workers[i];
        worker->started = pthread_create(&worker->thread, NULL, work, worker) == 0;
        fine =
            worker->started || error_set(error, "a thread cannot be started; fewer --jobs may do");
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return fine;
}

struct code_pool *code_pool_open(const struct compiler *compiler,
                                 const struct code_settings *settings,
                                 const struct verdict_cache *cache, unsigned threads,
                                 struct error *error) {
    struct code_pool *pool = allocate(1, sizeof *pool);

    pool->cache = cache;
    pool->worker_count = threads;
    pool->workers = allocate(threads, sizeof *pool->workers);
    pool->slot_count = (size_t)threads * 4 + 4;
    pool->slots = allocate(pool->slot_count, sizeof *pool->slots);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    if (start(pool, compiler, settings, error))
        return pool;
    code_pool_close(pool);
    return NULL;
}

void code_pool_close(struct code_pool *pool) {
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    /* only where there is work to cut short: a sandbox left alone tidies up behind itself */
    for (unsigned i = 0; i < pool->worker_count && pool->given != pool->taken; i++)
        if (pool->workers[i].grader != NULL)
            code_grader_kill(pool->workers[i].grader);
    for (unsigned i = 0; i < pool->worker_count; i++) {
        if (pool->workers[i].started)
            pthread_join(pool->workers[i].thread, NULL);
        code_grader_close(pool->workers[i].grader);
    }
    for (size_t i = 0; i < pool->slot_count; i++) {
        record_free(&pool->slots[i].job.record);
        code_tests_free(&pool->slots[i].job.tests);
        buffer_free(&pool->slots[i].job.composed);
    }
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->done);
    free(pool->slots);
    free(pool->workers);
    free(pool);
}

struct code_job *code_pool_input(struct code_pool *pool) {
    if (pool->given - pool->taken == pool->slot_count)
        return NULL;
    return &pool->slots[pool->given % pool->slot_count].job;
}

void code_pool_give(struct code_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    pool->slots[pool->given++ % pool->slot_count].state = STATE_WAITING;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

struct code_job *code_pool_take(struct code_pool *pool) {
    struct slot *slot = &pool->slots[pool->taken % pool->slot_count];
    bool ready;

    if (pool->taken == pool->given)
        return NULL;
    pthread_mutex_lock(&pool->lock);
    while (slot->state != STATE_DONE && !stop_requested()) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 100000000; /* a signal does not end the waiting by itself */
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&pool->done, &pool->lock, &until);
    }
    ready = slot->state == STATE_DONE;
    if (ready) {
        slot->state = STATE_FREE;
        pool->taken++;
    }
    pthread_mutex_unlock(&pool->lock);
    return ready ? &slot->job : NULL;
}
