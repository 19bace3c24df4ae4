/*
 * A run of training on disk: the checkpoint or checkpoints it makes, the state from which a stopped
 * run goes on to the same bytes, and the metrics so far.
 *
 * With the output directory OUT, the state is OUT.state: a checkpoint with optimizer.safetensors,
 * training.json (arguments, step, digests of model and examples, what the next metric is made of),
 * metrics.rec, the moments saved so far and, where pairs have their reference from the model that
 * the run began from, reference.safetensors. It goes away when OUT appears.
 */
#ifndef LOCKPICK_TRAIN_SESSION_H
#define LOCKPICK_TRAIN_SESSION_H

#include "base/files.h"
#include "record/stream.h"
#include "train/pairs.h"
#include "train/schedule.h"
#include "train/trainer.h"

struct session_settings {
    const char *output;    /* OUT */
    const char *model;     /* where a fresh run starts */
    const char *arguments; /* canonical: a state made with others is refused */
    bool replace;          /* -f */
    bool resume;           /* go on from OUT.state where there is one */
    bool keep_optimizer;   /* optimizer.safetensors in the final checkpoint too */
};

/* What went by: examples since the beginning, the rest since the last metric record. */
struct session_tally {
    int64_t examples;
    int64_t tokens, terms; /* terms: completion tokens, or pairs */
    double loss, margin;   /* sums over the terms */
    int64_t ahead;         /* pairs whose margin was positive */
};

struct session {
    struct session_settings settings;
    struct output_directory output;
    char *state;                   /* OUT.state */
    bool resuming;                 /* a state was found */
    bool misfit;                   /* which is whole, but not of this run */
    int64_t step;                  /* steps behind us when the session was opened */
    char digest[17];               /* of the examples of all steps so far; the caller keeps it up */
    char origin[33];               /* digest of the model that the run began from; likewise */
    struct learning_rate schedule; /* what the learning rates of all steps follow from */
    struct session_tally tally;    /* likewise */
    struct examples *pairs;        /* borrowed: whose reference the state keeps; NULL: none */
    char reference_digest[17];     /* of that, in a state that was found */
    struct record_writer *metrics; /* borrowed */
    struct buffer metric_records;  /* all so far, packed one behind another */
};

/* Opens the output directory and reads training.json where a run is to be resumed. False, and then
 * `misfit` too, where the state was made with other arguments; session_close() follows. */
bool session_open(struct session *session, const struct session_settings *settings,
                  struct error *error);
/* False with `misfit` where the state was made from another model than settings.model is now. */
bool session_fits_model(struct session *session, struct device *device, struct error *error);
/* The same of other examples: up to the state's step, with their digest, and as many in all as the
 * schedule follows from. Takes the schedule over. */
bool session_fits_examples(struct session *session, const struct learning_rate *schedule,
                           const char digest[17], struct error *error);
/* Where the model has to be read from: the state, or settings.model. */
const char *session_model(const struct session *session);
/* Takes up the optimizer, the metrics and the pairs' reference of a resumed run; does nothing for a
 * fresh one. */
bool session_continue(struct session *session, struct trainer *trainer, struct error *error);
/* Writes one metric record to `metrics` and keeps it for the state. */
bool session_metric(struct session *session, const struct record *record, struct error *error);

/* Writes OUT.state, whole, in place of an older one. */
bool session_save_state(struct session *session, struct trainer *trainer, struct error *error);
/* Saves a moment as OUT/label. */
bool session_save_moment(struct session *session, struct trainer *trainer, const char *label,
                         struct error *error);
/* Writes the final checkpoint, which becomes OUT itself; not to be called where moments were saved.
 */
bool session_save_final(struct session *session, struct trainer *trainer, struct error *error);
/* Puts OUT in place and removes the state. */
bool session_finish(struct session *session, struct error *error);
/* Leaves no OUT behind (the state stays). Does nothing after session_finish. */
void session_close(struct session *session);

#endif
