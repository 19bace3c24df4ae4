/*
 * Inside of lib/record: zstd frames being compressed or decompressed, several at once, and handed
 * back in the order in which they were given. The caller works along where it would wait. Threads
 * start only when the caller says that there is more than one frame to work on, so that a short
 * stream, or a tool that forks before it has moved much, never has any.
 */
#ifndef LOCKPICK_RECORD_POOL_H
#define LOCKPICK_RECORD_POOL_H

#include "base/error.h"
#include "base/memory.h"

enum pool_work { POOL_COMPRESS, POOL_DECOMPRESS };
enum { POOL_SLOTS = 6, POOL_THREADS = 4 };

struct pool;

/* A frame on its way. */
struct pool_frame {
    struct buffer in;
    struct buffer out;
    uint64_t place;      /* the caller's, to know it by */
    size_t content_size; /* to decompress: what the frame's header says */
    size_t failure;      /* zstd's code; 0 for none */
};

/*
 * At most `threads` threads, and never more than processors. Compression is at `level`; every frame
 * carries its size and a checksum.
 */
struct pool *pool_open(enum pool_work work, int level, unsigned threads);
/* Frames given and not yet taken. */
size_t pool_waiting(const struct pool *pool);
/*
 * The next frame to fill, its buffers empty. At most POOL_SLOTS - 1 may be waiting. Ends the loan
 * of the frame taken last.
 */
struct pool_frame *pool_input(struct pool *pool);
/* Gives the frame of the last pool_input() to be worked on; with `threads`, lets them start. */
void pool_give(struct pool *pool, bool threads);
/*
 * The oldest frame, worked on (look at its failure), on loan until the next call of this or
 * pool_input(); NULL when it is not ready yet. With `wait` it is NULL only when none is waiting.
 */
const struct pool_frame *pool_take(struct pool *pool, bool wait);
/* Whether one more given frame would leave the caller with nothing to do but wait or work along. */
bool pool_is_full(const struct pool *pool);
/* Waits for frames in work, then frees all. NULL is fine. */
void pool_free(struct pool *pool);

#endif
