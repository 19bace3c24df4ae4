/* The plan of memory. */
#include "train/plan.h"

#include <inttypes.h>

/* ---- sizes ---- */

static size_t tensor_size(const struct tensor *tensor) {
    return (size_t)(tensor->rows * tensor->columns) * dtype_size(tensor->type);
}

static void measure_weights(struct training_plan *plan, const struct model *model) {
    for (size_t i = 0; i < model->weight_count; i++) {
        plan->weights += tensor_size(&model->weights[i].value);
        if (model->weights[i].low.type == DTYPE_I16)
            plan->low += tensor_size(&model->weights[i].low);
    }
}

static void measure_optimizer(struct training_plan *plan, struct model *model) {
    struct arena arena = arena_measure();
    struct optimizer optimizer;
    optimizer_open(&optimizer, &plan->settings.optimizer, model, &arena);
    for (size_t i = 0; i < model->weight_count; i++) {
        plan->moments += tensor_size(&optimizer.first[i]);
        if (optimizer.second != NULL)
            plan->moments += tensor_size(&optimizer.second[i]);
    }
    plan->gradients = arena.used - plan->moments;
    optimizer_close(&optimizer);
}

static void measure(struct training_plan *plan, struct model *model) {
    plan->weights = plan->low = plan->moments = 0;
    measure_weights(plan, model);
    measure_optimizer(plan, model);
    size_t all = trainer_measure(model, &plan->settings);
    plan->activations = all - plan->moments - plan->gradients;
    plan->scratch = transformer_scratch(model, plan->settings.room);
}

size_t plan_needs(const struct training_plan *plan) {
    return plan->moments + plan->gradients + plan->activations + plan->scratch;
}

/* ---- choosing ---- */

static bool fits(const struct training_plan *plan) {
    return plan_needs(plan) <= plan->available;
}

/* The first that fits, from what computes the least; else the last of them. */
static bool choose_recompute(struct training_plan *plan, struct model *model,
                             const struct plan_request *request) {
    int first = PASS_TRAINING, last = PASS_RECOMPUTE_LAYER;
    if (request->recompute != 0)
        first = last = request->recompute;
    for (int use = first; use <= last; use++) {
        plan->settings.use = (enum pass_use)use;
        measure(plan, model);
        if (fits(plan))
            return true;
    }
    return false;
}

/* Without room for the whole gradient where it is never needed, or where it has no room. */
static bool choose(struct training_plan *plan, struct model *model,
                   const struct plan_request *request) {
    bool *by_group = &plan->settings.optimizer.by_group;
    bool possible = request->optimizer.clip <= 0 && request->gradients != GRADIENTS_WHOLE;
    bool enough = request->most_rows <= request->room || request->gradients == GRADIENTS_LAYER;
    plan->settings.optimizer = request->optimizer;
    plan->settings.room = request->room;
    *by_group = possible && enough;
    if (choose_recompute(plan, model, request))
        return true;
    if (!possible || *by_group)
        return false;
    *by_group = true;
    return choose_recompute(plan, model, request);
}

/* ---- refusing ---- */

/* The most rows of a micro-batch that fit, in steps of their leading digits; 0: none do. */
static int64_t most_room(struct training_plan plan, struct model *model,
                         struct plan_request request) {
    int64_t fitting = 0, beyond = request.room;
    while (beyond - fitting > 1 + fitting / 16) {
        request.room = fitting + (beyond - fitting) / 2;
        if (choose(&plan, model, &request))
            fitting = request.room;
        else
            beyond = request.room;
    }
    return fitting;
}

static double gibibytes(size_t bytes) {
    return (double)bytes / (double)(1 << 30);
}

/* What to do about a plan that does not fit: the mildest change that helps. */
static bool refuse(const struct training_plan *plan, struct model *model,
                   struct plan_request request, struct error *error) {
    struct training_plan other = *plan;
    const char *remedy = NULL;
    char smaller[64];
    int64_t room = most_room(other, model, request);
    if (request.recompute != 0) {
        request.recompute = 0;
        remedy = choose(&other, model, &request) ? "--recompute auto would fit" : NULL;
    }
    if (remedy == NULL && request.gradients == GRADIENTS_WHOLE && request.optimizer.clip <= 0) {
        request.gradients = GRADIENTS_AUTO;
        remedy = choose(&other, model, &request) ? "--gradients auto would fit" : NULL;
    }
    if (remedy == NULL && room > 0) {
        snprintf(smaller, sizeof smaller, "--micro-batch %" PRId64 " would fit", room);
        remedy = smaller;
    }
    if (remedy == NULL && request.optimizer.clip > 0) {
        request.optimizer.clip = 0;
        request.gradients = GRADIENTS_LAYER;
        if (choose(&other, model, &request) || most_room(other, model, request) > 0)
            remedy = "without --clip and with --gradients layer it would fit";
    }
    if (remedy == NULL)
        remedy = "a smaller model, --dtype bf16 or --optimizer lion needs less";
    return error_set(error,
                     "a micro-batch of %" PRId64 " tokens needs %.1f GiB beside the model, and "
                     "%.1f GiB are free on %s; %s",
                     request.room, gibibytes(plan_needs(plan)), gibibytes(plan->available),
                     device_name(model->device), remedy);
}

bool plan_training(struct training_plan *plan, struct model *model,
                   const struct plan_request *request, size_t available, struct error *error) {
    *plan = (struct training_plan){.available = available};
    return choose(plan, model, request) || refuse(plan, model, *request, error);
}

/* ---- telling ---- */

static void describe_size(struct buffer *text, const char *what, size_t bytes) {
    if (bytes >= (size_t)1 << 30)
        buffer_format(text, "%s %.1f GiB", what, gibibytes(bytes));
    else
        buffer_format(text, "%s %.1f MiB", what, (double)bytes / (1 << 20));
}

void plan_describe(const struct training_plan *plan, struct buffer *text) {
    static const char *const again[] = {
        [PASS_TRAINING] = "",
        [PASS_RECOMPUTE_NORMS] = " (norms recomputed)",
        [PASS_RECOMPUTE_ATTENTION] = " (attention recomputed)",
        [PASS_RECOMPUTE_LAYER] = " (layers recomputed)",
    };
    size_t needs = plan_needs(plan);
    describe_size(text, "memory", plan->weights + plan->low + needs);
    describe_size(text, ": weights", plan->weights);
    if (plan->low > 0)
        describe_size(text, ", low halves", plan->low);
    describe_size(text, ", moments", plan->moments);
    describe_size(text, ", gradients", plan->gradients);
    buffer_append_text(text, plan->settings.optimizer.by_group ? " (by layer)" : "");
    describe_size(text, ", activations", plan->activations);
    buffer_append_text(text, again[plan->settings.use]);
    describe_size(text, ", scratch", plan->scratch);
    describe_size(text, "; left", plan->available - needs);
}
