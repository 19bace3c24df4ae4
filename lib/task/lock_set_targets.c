/* The soft targets of lock examples. */
#include "task/lock_set_targets.h"

#include "base/random.h"

void lock_targets_fixedrdm(uint64_t seed, struct buffer *out) {
    pack_map(out, 1);
    pack_text(out, text_of("fixedrdm"));
    pack_unsigned(out, seed);
}

void lock_targets_uniform(struct buffer *out) {
    pack_map(out, 1);
    pack_text(out, text_of("uniform"));
    pack_boolean(out, true);
}

bool lock_targets_on_strong(uint64_t seed, struct text id, int64_t epoch) {
    struct random random;

    random_start(&random,
                 &(struct random_name){
                     .seed = seed, .purpose = "lock fixedrdm", .id = id, .epoch = (uint64_t)epoch});
    return random_below(&random, 2) == 1;
}
