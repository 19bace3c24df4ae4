/*
 * Saving what is whole in a damaged stream: every record of every frame that still passes its
 * checksum, and the whole records of a last frame that was cut off.
 */
#ifndef LOCKPICK_RECORD_SALVAGE_H
#define LOCKPICK_RECORD_SALVAGE_H

#include "record/stream.h"

struct salvage {
    uint64_t records; /* saved */
    uint64_t frames;  /* damaged or cut off */
    uint64_t bytes;   /* of the file that belong to no whole frame */
};

/* Reads the regular file `path` from end to end. Fails where it holds no frame at all. */
bool record_salvage(const char *path, struct record_writer *writer, struct salvage *salvage,
                    struct error *error);

#endif
