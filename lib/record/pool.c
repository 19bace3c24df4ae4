/* The pool: a ring of frames, and threads that take the oldest one that nobody works on. */
#include "record/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

enum slot_state { SLOT_FREE, SLOT_GIVEN, SLOT_BUSY, SLOT_DONE };

struct slot {
    enum slot_state state;
    struct pool_frame frame;
};

/* What one thread needs of zstd; made when it is first used. */
struct engine {
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
};

struct pool {
    enum pool_work work;
    int level;
    unsigned threads_wanted, thread_count;
    bool ending;
    struct engine own; /* the caller's */
    pthread_mutex_t lock;
    pthread_cond_t given_one, done_one; /* workers wait for the first, the caller for the other */
    pthread_t threads[POOL_THREADS];
    struct slot slots[POOL_SLOTS];
    uint64_t given, taken, returned; /* frames so far; slot = number mod POOL_SLOTS */
};

struct pool *pool_open(enum pool_work work, int level, unsigned threads) {
    struct pool *pool = allocate(1, sizeof *pool);
    cpu_set_t processors;
    unsigned most = 1;
    if (sched_getaffinity(0, sizeof processors, &processors) == 0)
        most = (unsigned)CPU_COUNT(&processors);
    most = most < POOL_THREADS ? most : POOL_THREADS;
    pool->work = work;
    pool->level = level;
    pool->threads_wanted = threads < most ? threads : most;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->given_one, NULL);
    pthread_cond_init(&pool->done_one, NULL);
    return pool;
}

/* ---- the work ---- */

static const size_t no_memory = (size_t)-ZSTD_error_memory_allocation;

static void engine_free(struct engine *engine) {
    ZSTD_freeCCtx(engine->compressor);
    ZSTD_freeDCtx(engine->decompressor);
}

static size_t compress(struct pool_frame *frame, struct engine *engine, int level) {
    if (engine->compressor == NULL) {
        engine->compressor = ZSTD_createCCtx();
        if (engine->compressor == NULL)
            return no_memory;
        ZSTD_CCtx_setParameter(engine->compressor, ZSTD_c_compressionLevel, level);
        ZSTD_CCtx_setParameter(engine->compressor, ZSTD_c_checksumFlag, 1);
    }
    size_t bound = ZSTD_compressBound(frame->in.size);
    buffer_reserve(&frame->out, bound);
    return ZSTD_compress2(engine->compressor, frame->out.data, bound, frame->in.data,
                          frame->in.size);
}

static size_t decompress(struct pool_frame *frame, struct engine *engine) {
    if (engine->decompressor == NULL && (engine->decompressor = ZSTD_createDCtx()) == NULL)
        return no_memory;
    buffer_reserve(&frame->out, frame->content_size);
    return ZSTD_decompressDCtx(engine->decompressor, frame->out.data, frame->content_size,
                               frame->in.data, frame->in.size);
}

/* With the lock held; works on `slot` outside of it, where nobody else touches the slot. */
static void work_on(struct pool *pool, struct slot *slot, struct engine *engine) {
    slot->state = SLOT_BUSY;
    pthread_mutex_unlock(&pool->lock);
    size_t size = pool->work == POOL_COMPRESS ? compress(&slot->frame, engine, pool->level)
                                              : decompress(&slot->frame, engine);
    slot->frame.failure = ZSTD_isError(size) ? size : 0;
    slot->frame.out.size = ZSTD_isError(size) ? 0 : size;
    pthread_mutex_lock(&pool->lock);
    slot->state = SLOT_DONE;
    pthread_cond_signal(&pool->done_one);
}

static struct slot *oldest_given(struct pool *pool) {
    for (uint64_t number = pool->taken; number < pool->given; number++)
        if (pool->slots[number % POOL_SLOTS].state == SLOT_GIVEN)
            return &pool->slots[number % POOL_SLOTS];
    return NULL;
}

static void *worker(void *argument) {
    struct pool *pool = argument;
    struct engine engine = {0};
    pthread_mutex_lock(&pool->lock);
    while (!pool->ending) {
        struct slot *slot = oldest_given(pool);
        if (slot != NULL)
            work_on(pool, slot, &engine);
        else
            pthread_cond_wait(&pool->given_one, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    engine_free(&engine);
    return NULL;
}

/* Where no thread starts, the caller does all the work. Signals stay the caller's own. */
static void start_threads(struct pool *pool) {
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    while (pool->thread_count < pool->threads_wanted &&
           pthread_create(&pool->threads[pool->thread_count], NULL, worker, pool) == 0)
        pool->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pool->threads_wanted = pool->thread_count;
}

/* ---- the caller's side ---- */

size_t pool_waiting(const struct pool *pool) {
    return (size_t)(pool->given - pool->taken);
}

bool pool_is_full(const struct pool *pool) {
    return pool_waiting(pool) > pool->thread_count;
}

/* The frame that pool_take() lent is back. */
static void take_back(struct pool *pool) {
    if (pool->returned < pool->taken)
        pool->slots[pool->returned++ % POOL_SLOTS].state = SLOT_FREE;
}

struct pool_frame *pool_input(struct pool *pool) {
    pthread_mutex_lock(&pool->lock);
    take_back(pool);
    pthread_mutex_unlock(&pool->lock);
    struct pool_frame *frame = &pool->slots[pool->given % POOL_SLOTS].frame;
    frame->in.size = frame->out.size = 0;
    return frame;
}

void pool_give(struct pool *pool, bool threads) {
    if (threads && pool->thread_count < pool->threads_wanted)
        start_threads(pool);
    pthread_mutex_lock(&pool->lock);
    pool->slots[pool->given++ % POOL_SLOTS].state = SLOT_GIVEN;
    pthread_cond_signal(&pool->given_one);
    pthread_mutex_unlock(&pool->lock);
}

const struct pool_frame *pool_take(struct pool *pool, bool wait) {
    const struct pool_frame *frame = NULL;
    pthread_mutex_lock(&pool->lock);
    take_back(pool);
    if (pool->taken < pool->given) {
        struct slot *slot = &pool->slots[pool->taken % POOL_SLOTS];
        while (wait && slot->state != SLOT_DONE) {
            if (slot->state == SLOT_GIVEN)
                work_on(pool, slot, &pool->own);
            else
                pthread_cond_wait(&pool->done_one, &pool->lock);
        }
        if (slot->state == SLOT_DONE) {
            pool->taken++;
            frame = &slot->frame;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return frame;
}

void pool_free(struct pool *pool) {
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->given_one);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    for (unsigned i = 0; i < POOL_SLOTS; i++) {
        buffer_free(&pool->slots[i].frame.in);
        buffer_free(&pool->slots[i].frame.out);
    }
    engine_free(&pool->own);
    pthread_cond_destroy(&pool->given_one);
    pthread_cond_destroy(&pool->done_one);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
