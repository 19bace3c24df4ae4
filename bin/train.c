/*
 * train: examples in, a checkpoint out (or several moments of one run), training metrics on stdout.
 *
 * The work is done in lib/train: feed brings batches, trainer makes a step of one, session keeps
 * what is on disk. Here are the options and the loop.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/progress.h"
#include "train/feed.h"
#include "train/plan.h"
#include "train/session.h"

static struct {
    struct filter_settings filter;
    struct session_settings session;
    struct optimizer_settings optimizer;
    struct objective objective;
    const char *device;
    int64_t threads;
    int type; /* enum model_type */
    int64_t shard_size;
    int64_t epochs, batch, micro_batch, max_completion;
    int recompute, gradients; /* of RECOMPUTE_CHOICES, of GRADIENT_CHOICES */
    double rate, warmup, cooldown;
    int64_t examples; /* a stream's length, for the warm-up and the time left */
    const char *save_at;
    int64_t state_every, log_every;
    bool allow_empty;
    bool begin_anew; /* where the state does not fit */
    uint64_t seed;
} settings = {
    .filter = FILTER_DEFAULTS,
    .optimizer =
        {.kind = OPTIMIZER_LION, .beta1 = NAN, .beta2 = NAN, .epsilon = 1e-8, .decay = 0.01},
    .objective = {.reference = -1, .beta = NAN},
    .device = "auto",
    .batch = 8,
    .micro_batch = 4096,
    .max_completion = 1024,
    .rate = 1.5e-6,
    .warmup = 0.05,
    .log_every = 1,
};

static const struct option_entry options[] = {
    {OPTION_FILE, 'm', "model", "DIR", &settings.session.model, "checkpoint to start from"},
    {OPTION_FILE, 'o', "output", "DIR", &settings.session.output,
     "checkpoint to make; with --save-at, a folder of them"},
    {OPTION_FLAG, 'f', "force", NULL, &settings.session.replace, "replace an existing output",
     .flags = OPTION_SILENT},
    {OPTION_CHOICE, 0, "objective", NULL, &settings.objective.kind,
     "learn completions (sft, the default), or from pairs which to prefer (dpo)",
     .choices = OBJECTIVE_KINDS},
    {OPTION_REAL, 0, "beta", "X", &settings.objective.beta, "of dpo (default 0.1)", .minimum = 0,
     .maximum = 1e6},
    {OPTION_CHOICE, 0, "reference", NULL, &settings.objective.reference,
     "dpo's log-probabilities of reference: of the model that it begins from (the default; needs "
     "--epochs), or of the records",
     .choices = REFERENCE_KINDS},
    {OPTION_INTEGER, 'e', "epochs", "N", &settings.epochs,
     "hold all examples and go through them N times, shuffled anew each time; without it the "
     "stream "
     "is gone through once, as it comes",
     .minimum = 1, .maximum = 1e9},
    {OPTION_INTEGER, 'b', "batch", "N", &settings.batch, "examples a step (default 8)",
     .minimum = 1, .maximum = 1e6},
    {OPTION_INTEGER, 0, "micro-batch", "N", &settings.micro_batch,
     "tokens that go through the model at once; a larger batch is accumulated (default 4096)",
     .minimum = 1, .maximum = 1e8},
    {OPTION_CHOICE, 0, "recompute", "WHAT", &settings.recompute,
     "what the backward pass computes again instead of keeping it (default auto: what the memory "
     "asks for)",
     .choices = RECOMPUTE_CHOICES, .flags = OPTION_SILENT},
    {OPTION_CHOICE, 0, "gradients", "WHICH", &settings.gradients,
     "keep the whole gradient, or a layer's at a time (default auto)", .choices = GRADIENT_CHOICES,
     .flags = OPTION_SILENT},
    {OPTION_REAL, 'l', "learning-rate", "RATE", &settings.rate, "default 1.5e-6", .minimum = 0,
     .maximum = 10},
    {OPTION_REAL, 0, "warmup", "SHARE", &settings.warmup,
     "linear warm-up: a share of the steps, or from 1 on a number of them (default 0.05)",
     .minimum = 0, .maximum = 1e9},
    {OPTION_REAL, 0, "cooldown", "SHARE", &settings.cooldown,
     "let the rate fall in a line over the last SHARE of the steps, or the last so many (default "
     "0: "
     "constant)",
     .minimum = 0, .maximum = 1e9},
    {OPTION_INTEGER, 0, "examples", "N", &settings.examples,
     "how many examples the stream will bring, where it is a pipe and cannot be counted",
     .minimum = 1, .maximum = 1e15},
    {OPTION_CHOICE, 0, "optimizer", NULL, &settings.optimizer.kind, "default lion",
     .choices = OPTIMIZER_KINDS},
    {OPTION_REAL, 0, "beta1", "X", &settings.optimizer.beta1, "default 0.9", .minimum = 0,
     .maximum = 1},
    {OPTION_REAL, 0, "beta2", "X", &settings.optimizer.beta2, "default 0.99 (lion), 0.999 (adamw)",
     .minimum = 0, .maximum = 1},
    {OPTION_REAL, 0, "epsilon", "X", &settings.optimizer.epsilon, "of adamw (default 1e-8)",
     .minimum = 0, .maximum = 1},
    {OPTION_REAL, 0, "weight-decay", "X", &settings.optimizer.decay,
     "decoupled, of all weights (default 0.01)", .minimum = 0, .maximum = 10},
    {OPTION_REAL, 0, "clip", "NORM", &settings.optimizer.clip,
     "scale the gradient down to this norm (default 0: never)", .minimum = 0, .maximum = 1e9},
    {OPTION_INTEGER, 0, "max-completion", "N", &settings.max_completion,
     "cut completions to N tokens (default 1024)", .minimum = 1, .maximum = 1e9},
    {OPTION_FLAG, 0, "allow-empty", NULL, &settings.allow_empty,
     "where there are no examples, pass the model on as it is instead of failing",
     .flags = OPTION_SILENT},
    {OPTION_TEXT, 0, "save-at", "LIST", &settings.save_at,
     "save these moments as DIR/MOMENT: steps (100), epochs (4e) or examples (5000x), "
     "comma-separated; "
     "training ends with the last"},
    {OPTION_INTEGER, 0, "state-every", "N", &settings.state_every,
     "write the resumable state DIR.state every N steps (default 0: when stopped by a signal)",
     .maximum = 1e12, .flags = OPTION_SILENT},
    {OPTION_FLAG, 'r', "resume", NULL, &settings.session.resume,
     "go on from DIR.state where there is one", .flags = OPTION_SILENT},
    {OPTION_FLAG, 0, "resume-if-fits", NULL, &settings.begin_anew,
     "the same, but begin anew, and say so, where DIR.state was made with other arguments, from "
     "another model or from other examples",
     .flags = OPTION_SILENT},
    {OPTION_FLAG, 0, "keep-optimizer", NULL, &settings.session.keep_optimizer,
     "save the optimizer's moments in the final checkpoint as well"},
    {OPTION_INTEGER, 0, "log-every", "N", &settings.log_every, "steps a metric record (default 1)",
     .minimum = 1, .maximum = 1e12},
    {OPTION_FILE, 0, "metrics", "FILE", &settings.filter.output,
     "write metrics to FILE instead of standard output"},
    {OPTION_SEED, 's', "seed", "N", &settings.seed, "of the order of examples (default 0)"},
    {OPTION_CHOICE, 0, "dtype", "TYPE", &settings.type,
     "train f32 weights, or bf16 ones with low halves; default: as stored, f16 as f32",
     .choices = MODEL_TYPES},
    {OPTION_INTEGER, 0, "shard-size", "BYTES", &settings.shard_size,
     "weights in one file of a checkpoint, at most (default 5G)", .minimum = 1, .maximum = 1e15,
     .flags = OPTION_SILENT},
    {OPTION_TEXT, 'd', "device", "NAME", &settings.device, "cpu, cuda, cuda:N or auto (default)",
     .flags = OPTION_SILENT},
    {OPTION_INTEGER, 't', "threads", "N", &settings.threads, "CPU threads (default: all cores)",
     .maximum = 4096, .flags = OPTION_SILENT},
    REJECTS_OPTION(settings.filter),
    MAX_REJECTS_OPTION(settings.filter),
    {OPTION_END},
};

static const struct tool tool = {
    .name = "train",
    .usage = "[options] -m DIR -o DIR [FILE ...]",
    .summary =
        "Fine-tunes all weights of a model on the completions of records, or on pairs of them.",
    .options = options,
    .notes =
        "Stopped by SIGINT or SIGTERM it writes DIR.state; the same command with --resume goes on\n"
        "from there to the bytes that an uninterrupted run gives.",
    .computes = true,
};

/* Everything a run holds, so that one function can give it all back. */
struct run {
    struct invocation *invocation;
    struct device *device;
    struct model model;
    struct tokenizer *tokenizer;
    struct session session;
    struct filter *filter;
    struct feed feed;
    struct training_plan memory;
    struct trainer trainer;
    struct moment *moments;
    size_t moment_count;
    int64_t total_steps; /* 0: unknown */
    struct learning_rate rate;
    struct record metric;
};

/* Examples that are coming: as told, or counted in the inputs' end marks; false where nobody knows.
 */
static bool count_examples(const struct invocation *invocation, uint64_t *total) {
    struct error ignored;
    *total = (uint64_t)settings.examples;
    if (settings.examples > 0)
        return true;
    for (size_t i = 0; i < invocation->operands.count; i++) {
        uint64_t count;
        if (!record_count(invocation->operands.items[i], &count, &ignored))
            return false;
        *total += count;
    }
    return invocation->operands.count > 0;
}

/* How many steps there will be (0: unknown); false: none, for there is nothing. */
static bool count_steps(struct run *run) {
    uint64_t total = 0;
    if (settings.epochs > 0) {
        run->total_steps = feed_steps_per_epoch(&run->feed) * settings.epochs;
        return run->total_steps > 0;
    }
    bool known = count_examples(run->invocation, &total);
    if (known)
        run->total_steps = ((int64_t)total + settings.batch - 1) / settings.batch;
    return !known || total > 0;
}

static bool plan_steps(struct run *run, struct error *error) {
    if (!count_steps(run))
        return true;
    int64_t held = settings.epochs > 0 ? (int64_t)run->feed.examples.count : 0;
    if (!moments_parse(settings.save_at, held, settings.batch, &run->moments, &run->moment_count,
                       error))
        return error_place(error, "--save-at");
    if (run->moment_count > 0) {
        int64_t last = run->moments[run->moment_count - 1].step;
        if (run->total_steps > 0 && last > run->total_steps)
            return error_set(error, "--save-at: '%s' is step %lld, but the run has %lld",
                             run->moments[run->moment_count - 1].label, (long long)last,
                             (long long)run->total_steps);
        run->total_steps = last;
    }
    run->rate = (struct learning_rate){.rate = settings.rate, .total = run->total_steps};
    if (!steps_of_share(settings.warmup, run->total_steps, &run->rate.warmup, error))
        return error_place(error, "--warmup");
    if (settings.cooldown > 0 && run->total_steps == 0)
        return error_set(error,
                         "--cooldown: a pipe does not tell where its end is; give --examples");
    if (!steps_of_share(settings.cooldown, run->total_steps, &run->rate.cooldown, error))
        return error_place(error, "--cooldown");
    return true;
}

/* Plans the memory of training, and takes it. */
static bool open_trainer(struct run *run, struct error *error) {
    const struct plan_request request = {
        .optimizer = settings.optimizer,
        .room = settings.micro_batch,
        .most_rows = feed_most_rows(&run->feed),
        .recompute = settings.recompute,
        .gradients = settings.gradients,
    };
    if (!plan_training(&run->memory, &run->model, &request, device_memory(run->device), error))
        return false;
    return trainer_open(&run->trainer, &run->model, &run->memory.settings, error);
}

/* Before the first step; without examples there is nothing to tell. */
static void tell_memory(const struct run *run) {
    struct buffer text = {0};
    plan_describe(&run->memory, &text);
    tool_say(run->invocation, "%.*s", (int)text.size, (const char *)text.data);
    buffer_free(&text);
}

/* What the pairs are compared with: from the state of a resumed run, or of the model as it is. */
static bool take_reference(struct run *run, struct error *error) {
    struct examples *pairs = &run->feed.examples;
    struct progress progress;
    if (settings.objective.kind == OBJECTIVE_DPO && settings.objective.reference == REFERENCE_MODEL)
        run->session.pairs = pairs;
    if (run->session.resuming)
        return session_continue(&run->session, &run->trainer, error);
    progress_start(&progress, tool.name, "pairs", pairs->count, run->invocation->quiet);
    for (size_t next = 0, before = 0; run->session.pairs && next < pairs->count; before = next) {
        if (stop_requested())
            return error_set(error, "stopped by a signal before the first step");
        if (!trainer_score_pairs(&run->trainer, pairs, &next, error))
            return false;
        progress_add(&progress, next - before, "scored by the reference");
    }
    return true;
}

/* A resumed run goes past the examples of the steps behind it, and checks that they are the same.
 */
static bool go_past(struct run *run, struct error *error) {
    char digest[17];
    if (!feed_skip(&run->feed, run->session.resuming ? run->session.step : 0, error))
        return false;
    examples_digest(&run->feed.examples, digest);
    return session_fits_examples(&run->session, &run->rate, digest, error);
}

static bool open_device(struct run *run, struct error *error) {
    run->device = device_open(settings.device, (int)settings.threads, error);
    if (run->device == NULL)
        return false;
    buffer_format(&run->invocation->arguments, "--threads=%d\n", device_threads(run->device));
    buffer_append(&run->invocation->arguments, "", 1);
    run->invocation->arguments.size--; /* ended by a zero that is not counted */
    settings.session.arguments = (const char *)run->invocation->arguments.data;
    return true;
}

static bool open_run(struct run *run, struct error *error) {
    if (!session_open(&run->session, &settings.session, error) ||
        !session_fits_model(&run->session, run->device, error) ||
        !model_open(
            &run->model, session_model(&run->session), run->device,
            (struct model_opening){.use = MODEL_LEARNING, .type = (enum model_type)settings.type},
            error))
        return false;
    run->model.shard_size = settings.shard_size;
    run->tokenizer = tokenizer_open(session_model(&run->session), error);
    struct invocation silent = *run->invocation; /* progress is ours: steps, not records */
    silent.quiet = true;
    run->filter = run->tokenizer == NULL
                      ? NULL
                      : filter_open(&silent, &settings.filter, 0, &settings.seed, error);
    if (run->filter == NULL)
        return false;
    run->session.metrics = filter_writer(run->filter);
    if (!run->session.resuming)
        memcpy(run->session.origin, run->model.digest, sizeof run->session.origin);
    filter_add_source(run->filter, "model", run->session.origin);
    const struct feed_settings feed = {
        .batch = settings.batch,
        .epochs = settings.epochs,
        .seed = settings.seed,
        .max_completion = settings.max_completion,
        .max_rows = settings.micro_batch,
        .objective = settings.objective,
    };
    return feed_open(&run->feed, run->filter, run->tokenizer, &run->model.config, &feed, error) &&
           open_trainer(run, error) && plan_steps(run, error) && go_past(run, error) &&
           take_reference(run, error);
}

static bool write_metric(struct run *run, int64_t step, double rate, struct error *error) {
    struct record *metric = &run->metric;
    struct session_tally *tally = &run->session.tally;
    record_clear(metric);
    record_set_integer(metric, "step", step);
    record_set_real(metric, "loss", tally->loss / (double)tally->terms);
    record_set_real(metric, "lr", rate);
    record_set_integer(metric, "tokens", tally->tokens);
    record_set_integer(metric, "examples", tally->examples);
    if (settings.objective.kind == OBJECTIVE_DPO) {
        record_set_real(metric, "margin", tally->margin / (double)tally->terms);
        record_set_real(metric, "accuracy", (double)tally->ahead / (double)tally->terms);
    }
    *tally = (struct session_tally){.examples = tally->examples};
    return session_metric(&run->session, metric, error);
}

/* After a signal: writes the state, and leaves what to do next in the error. Always false. */
static bool stop_here(struct run *run, struct error *error) {
    int64_t step = run->trainer.optimizer.step;
    if (step == 0)
        return error_set(error, "stopped by a signal before the first step");
    if (session_save_state(&run->session, &run->trainer, error))
        error_set(error,
                  "stopped by a signal after step %lld; the same command with --resume goes on "
                  "from there",
                  (long long)step);
    return false;
}

/* What follows a step: its metric, the moments that it reaches, the state. */
static bool after_step(struct run *run, int64_t step, double rate, size_t *next_moment,
                       struct error *error) {
    if (step % settings.log_every == 0 || step == run->total_steps)
        if (!write_metric(run, step, rate, error))
            return false;
    while (*next_moment < run->moment_count && run->moments[*next_moment].step <= step) {
        const struct moment *moment = &run->moments[(*next_moment)++];
        if (moment->step == step &&
            !session_save_moment(&run->session, &run->trainer, moment->label, error))
            return false;
    }
    if (stop_requested())
        return stop_here(run, error);
    return settings.state_every == 0 || step % settings.state_every != 0 ||
           session_save_state(&run->session, &run->trainer, error);
}

static void count_step(struct run *run, const struct step_result *result, size_t examples) {
    struct session_tally *tally = &run->session.tally;
    tally->loss += result->loss * (double)result->terms;
    tally->margin += result->margin * (double)result->terms;
    tally->ahead += result->ahead;
    tally->terms += result->terms;
    tally->tokens += result->tokens;
    tally->examples += (int64_t)examples;
    examples_digest(&run->feed.examples, run->session.digest);
}

/* Nothing to learn from: the model is passed on as it is, at every moment. */
static bool pass_on(struct run *run, struct error *error) {
    if (!settings.allow_empty)
        return error_set(error, "there are no examples to train on; --allow-empty would pass the "
                                "model on as it is");
    if (run->moment_count == 0 && !moments_parse(settings.save_at, 1, settings.batch, &run->moments,
                                                 &run->moment_count, error))
        return error_place(error, "--save-at");
    for (size_t i = 0; i < run->moment_count; i++)
        if (!session_save_moment(&run->session, &run->trainer, run->moments[i].label, error))
            return false;
    tool_say(run->invocation, "there are no examples; the model is passed on as it is");
    return true;
}

static bool train(struct run *run, struct error *error) {
    struct progress progress;
    progress_start(&progress, tool.name, "steps", (uint64_t)run->total_steps,
                   run->invocation->quiet);
    int64_t last = run->moment_count > 0 ? run->total_steps : INT64_MAX;
    size_t next_moment = 0; /* those behind a resumed run lie in its state */
    while (next_moment < run->moment_count && run->moments[next_moment].step <= run->session.step)
        next_moment++;
    char detail[64] = "";
    while (run->trainer.optimizer.step < last) {
        const size_t *order;
        size_t count;
        struct step_result result;
        int64_t step = run->trainer.optimizer.step + 1;
        double rate = learning_rate_at(&run->rate, step);
        if (!feed_next(&run->feed, &order, &count, error))
            return stop_requested() ? stop_here(run, error) : false;
        if (count == 0)
            break;
        if (step == run->session.step + 1)
            tell_memory(run);
        if (!trainer_step(&run->trainer, &run->feed.examples, order, count, rate, &result, error))
            return error_place(error, "step %lld", (long long)step);
        count_step(run, &result, count);
        snprintf(detail, sizeof detail, "loss %.4f", result.loss);
        progress_add(&progress, 1, detail);
        if (!after_step(run, step, rate, &next_moment, error))
            return false;
    }
    if (run->trainer.optimizer.step == 0)
        return pass_on(run, error);
    if (next_moment < run->moment_count)
        return error_set(error, "the input ended after %lld steps, before moment '%s'",
                         (long long)run->trainer.optimizer.step, run->moments[next_moment].label);
    progress_finish(&progress, detail);
    int64_t step = run->trainer.optimizer.step;
    return run->session.tally.terms == 0 ||
           write_metric(run, step, learning_rate_at(&run->rate, step), error);
}

/* All but the filter and the device. */
static void close_run(struct run *run) {
    feed_close(&run->feed);
    trainer_close(&run->trainer);
    session_close(&run->session);
    tokenizer_close(run->tokenizer);
    model_close(&run->model);
    free(run->moments);
    record_free(&run->metric);
    *run = (struct run){.invocation = run->invocation, .device = run->device};
}

/* Whether the examples that went by can be had again. */
static bool inputs_lie_in_files(const struct invocation *invocation) {
    struct stat status;
    for (size_t i = 0; i < invocation->operands.count; i++)
        if (stat(invocation->operands.items[i], &status) != 0 || !S_ISREG(status.st_mode))
            return false;
    return invocation->operands.count > 0;
}

/* Opens the run; where the state does not fit and that is allowed, a second time without it. */
static bool begin(struct run *run, struct error *error) {
    if (open_run(run, error))
        return true;
    if (!run->session.misfit || !settings.begin_anew ||
        (run->filter != NULL && !inputs_lie_in_files(run->invocation)))
        return false;
    char *remedy = strrchr(error->text, ';'); /* for which a long path leaves no room */
    if (remedy != NULL)
        *remedy = '\0';
    tool_warn(run->invocation, "%s; beginning anew", error->text);
    if (run->filter != NULL)
        filter_close(run->filter, error);
    close_run(run);
    settings.session.resume = false;
    *error = (struct error){0};
    return open_run(run, error);
}

static void check_objective(const struct invocation *invocation) {
    struct objective *objective = &settings.objective;
    if (objective->kind == OBJECTIVE_SFT && !(isnan(objective->beta) && objective->reference < 0))
        tool_misused(invocation, "--beta and --reference belong to --objective dpo");
    if (isnan(objective->beta))
        objective->beta = 0.1;
    if (objective->reference < 0)
        objective->reference = REFERENCE_MODEL;
    if (objective->kind == OBJECTIVE_DPO && objective->reference == REFERENCE_MODEL &&
        settings.epochs == 0)
        tool_misused(invocation, "the reference model sees all pairs before the first step: give "
                                 "--epochs, or --reference stream");
}

int main(int argc, char **argv) {
    struct invocation invocation;
    struct error error = {0};
    tool_start(&invocation, &tool, argc, argv);
    if (settings.session.model == NULL || settings.session.output == NULL)
        tool_misused(&invocation, "-m DIR and -o DIR are needed");
    check_objective(&invocation);
    settings.session.resume |= settings.begin_anew;
    if (isnan(settings.optimizer.beta1))
        settings.optimizer.beta1 = 0.9;
    if (isnan(settings.optimizer.beta2))
        settings.optimizer.beta2 = settings.optimizer.kind == OPTIMIZER_LION ? 0.99 : 0.999;
    if (settings.filter.output == NULL && isatty(STDOUT_FILENO))
        settings.filter.output = "/dev/null"; /* a terminal has the progress line */

    struct run run = {.invocation = &invocation};
    bool fine = open_device(&run, &error) && begin(&run, &error) && train(&run, &error) &&
                (run.moment_count > 0 || session_save_final(&run.session, &run.trainer, &error));
    if (run.filter && fine)
        filter_add_source(run.filter, "result", run.model.digest);
    if (run.filter && !filter_close(run.filter, &error)) {
        if (fine && stop_requested()) /* it came when the last step was done */
            stop_here(&run, &error);
        fine = false;
    }
    fine = fine && session_finish(&run.session, &error);
    close_run(&run);
    device_close(run.device);
    if (!fine)
        tool_fail(&invocation, &error);
    tool_end(&invocation);
    return 0;
}
