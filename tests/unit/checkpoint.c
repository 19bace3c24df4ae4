/*
 * Checkpoint directories: what transformers wrote is read to the last bit, what we write reads back
 * the same, and every wrong, missing or extra tensor is one error before memory is spent.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"
#include "model/model.h"
#include "model/safetensors.h"

#define GOLDEN "tests/golden/checkpoint/"

struct fixture {
    struct device *device;
    char folder[64]; /* empty at the start of every test */
};

static struct fixture fixture;

/* A path in the test's folder; static, one at a time. */
static const char *in_folder(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", fixture.folder, name);
    return path;
}

static void copy(const char *from, const char *name) {
    struct buffer bytes = {0};
    struct error error = {0};
    if (!file_read(from, (size_t)1 << 24, &bytes, &error) ||
        !file_write(in_folder(name), bytes.data, bytes.size, &error))
        fail_msg("%s", error.text);
    buffer_free(&bytes);
}

static struct model opened_for(const char *directory, struct model_opening opening) {
    struct model model = {0};
    struct error error = {0};
    if (!model_open(&model, directory, fixture.device, opening, &error))
        fail_msg("%s", error.text);
    return model;
}

static struct model opened(const char *directory) {
    return opened_for(directory, (struct model_opening){.use = MODEL_LEARNING});
}

static void assert_refused(const char *says) {
    struct model model;
    struct error error = {0};
    if (model_open(&model, fixture.folder, fixture.device,
                   (struct model_opening){.use = MODEL_LEARNING}, &error))
        fail_msg("it was opened; should say \"%s\"", says);
    if (strstr(error.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, says);
}

/* The bytes of a stored tensor as they lie in the model; the caller frees. */
static void *bytes_of(const struct model *model, const struct stored_tensor *stored, bool low,
                      size_t *size) {
    const struct learning_weight *weight = &model->weights[stored->index];
    const struct tensor *tensor = low ? &weight->low : &weight->value;
    int64_t total = tensor->rows * tensor->columns, count = stored->rows * stored->columns;
    struct tensor flat = {tensor->data, tensor->type, 1, total, total};
    struct error error = {0};
    size_t width = dtype_size(tensor->type);
    *size = (size_t)count * width;
    uint8_t *bytes = malloc(*size);
    for (int64_t done = 0, run; done < count; done += run) {
        int64_t place = stored_place(stored, done, &run);
        run = run < count - done ? run : count - done;
        device_download(model->device, bytes + (size_t)done * width,
                        tensor_columns(flat, place, run));
    }
    assert_true(device_finish(model->device, &error));
    return bytes;
}

static void assert_same_weights(const struct model *a, const struct model *b) {
    size_t count, size;
    struct stored_tensor *stored = model_stored_tensors(&a->config, &count);
    assert_int_equal(a->weight_count, b->weight_count);
    for (size_t i = 0; i < count; i++)
        for (int low = 0; low <= (a->config.type == DTYPE_BF16); low++) {
            void *left = bytes_of(a, &stored[i], low, &size);
            void *right = bytes_of(b, &stored[i], low, &size);
            assert_memory_equal(left, right, size);
            free(left);
            free(right);
        }
    free(stored);
}

/* ---- reading what transformers wrote ---- */

static void every_tensor_of_a_reference_checkpoint_is_read_bit_for_bit(void **state) {
    (void)state;
    static const char *const kinds[] = {GOLDEN "grouped", GOLDEN "tied", GOLDEN "bf16"};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct model model = opened(kinds[k]);
        struct safetensors file;
        struct error error = {0};
        char path[128];
        snprintf(path, sizeof path, "%s/model.safetensors", kinds[k]);
        assert_true(safetensors_open(&file, path, &error));
        size_t count, size;
        struct stored_tensor *stored = model_stored_tensors(&model.config, &count);
        assert_int_equal(count, file.count);
        int64_t parameters = 0;
        for (size_t i = 0; i < count; i++) {
            const struct safetensors_entry *entry = safetensors_find(&file, stored[i].name);
            void *bytes = bytes_of(&model, &stored[i], false, &size);
            assert_int_equal(size, entry->size);
            assert_memory_equal(bytes, entry->data, size);
            free(bytes);
            parameters += stored[i].rows * stored[i].columns;
        }
        assert_int_equal(parameters, model_config_parameters(&model.config));
        assert_int_equal(strlen(model.digest), 32);
        free(stored);
        safetensors_close(&file);
        model_close(&model);
    }
}

static void the_parts_of_a_model_are_found_and_named(void **state) {
    (void)state;
    struct model model = opened(GOLDEN "grouped");
    char name[64];
    assert_int_equal(model.weight_count, 1 + 2 * 6 + 2);
    assert_ptr_equal(model_embedding(&model), model.weights);
    struct learning_weight *qkv = model_layer(&model, 1, LAYER_QKV);
    assert_int_equal(qkv->value.rows, 32 + 2 * 16);
    assert_int_equal(qkv->value.columns, 32);
    model_weight_name(&model, (size_t)(qkv - model.weights), name);
    assert_string_equal(name, "layer 1 qkv");
    assert_int_equal(model_layer(&model, 0, LAYER_UP)->value.rows, 64);
    assert_int_equal(model_part(&model, MODEL_FINAL_NORM)->value.rows, 1);
    model_weight_name(&model, (size_t)(model_output(&model) - model.weights), name);
    assert_string_equal(name, "output");
    model_weight_name(&model, model.weight_count - 2, name);
    assert_string_equal(name, "final norm");
    assert_null(qkv->low.data);
    model_close(&model);
    model = opened(GOLDEN "tied");
    assert_ptr_equal(model_output(&model), model_embedding(&model));
    model_close(&model);
}

static void low_halves_that_are_not_stored_are_zero(void **state) {
    (void)state;
    struct model model = opened(GOLDEN "bf16");
    size_t count, size;
    struct stored_tensor *stored = model_stored_tensors(&model.config, &count);
    for (size_t i = 0; i < count; i++) {
        uint8_t *low = bytes_of(&model, &stored[i], true, &size);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(low[k], 0);
        free(low);
    }
    free(stored);
    model_close(&model);
}

/* ---- writing ---- */

/* Initializes a model from the golden configuration of `kind`. */
static struct model fresh(const char *kind, uint64_t seed) {
    char path[128];
    struct model_config config;
    struct model model = {0};
    struct error error = {0};
    snprintf(path, sizeof path, GOLDEN "%s/config.json", kind);
    if (!model_config_read(&config, path, &error) ||
        !model_initialize(&model, &config, fixture.device, seed, &error))
        fail_msg("%s", error.text);
    return model;
}

static void save(struct model *model, const char *tokenizer) {
    struct error error = {0};
    if (!model_save(model, fixture.folder, tokenizer, "a test", &error))
        fail_msg("%s", error.text);
}

static void a_saved_model_opens_the_same_with_the_same_digest(void **state) {
    (void)state;
    static const char *const kinds[] = {"grouped", "tied", "bf16"};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct model model = fresh(kinds[k], 5);
        save(&model, NULL);
        struct model again = opened(fixture.folder);
        assert_same_weights(&model, &again);
        assert_string_equal(model.digest, again.digest);
        assert_int_equal(access(in_folder("low.safetensors"), F_OK) == 0,
                         model.config.type == DTYPE_BF16);
        assert_int_equal(again.config.type, model.config.type);
        model_close(&again);
        model_close(&model);
        struct error error;
        assert_true(remove_tree(fixture.folder, &error));
        assert_int_equal(mkdir(fixture.folder, 0777), 0);
    }
}

static void saving_what_transformers_wrote_keeps_its_digest(void **state) {
    (void)state;
    struct model model = opened(GOLDEN "bf16");
    char digest[33];
    memcpy(digest, model.digest, sizeof digest);
    save(&model, NULL);
    assert_string_equal(model.digest, digest);
    struct model again = opened(fixture.folder);
    assert_string_equal(again.digest, digest);
    model_close(&again);
    model_close(&model);
}

static void assert_told(const char *directory, const char *expected) {
    struct error error = {0};
    char digest[33];
    if (!model_digest(directory, fixture.device, digest, &error))
        fail_msg("%s", error.text);
    assert_string_equal(digest, expected);
}

static void a_digest_is_told_without_opening_the_model(void **state) {
    (void)state;
    struct error error = {0};
    char digest[33];
    struct model model = opened(GOLDEN "grouped");
    assert_told(GOLDEN "grouped", model.digest);
    model_close(&model);
    model = opened(GOLDEN "ours-bf16"); /* with low halves that are not zero */
    assert_told(GOLDEN "ours-bf16", model.digest);
    save(&model, NULL);
    assert_told(fixture.folder, model.digest);
    assert_int_equal(unlink(in_folder("lockpick.json")), 0);
    assert_told(fixture.folder, model.digest);
    model_close(&model);
    assert_int_equal(unlink(in_folder("model.safetensors")), 0);
    assert_false(model_digest(fixture.folder, fixture.device, digest, &error));
    assert_non_null(strstr(error.text, "model.safetensors"));
}

static void fresh_weights_depend_on_the_seed_alone(void **state) {
    (void)state;
    struct model one = fresh("grouped", 5), two = fresh("grouped", 5), other = fresh("grouped", 6);
    assert_same_weights(&one, &two);
    size_t size, count;
    struct stored_tensor *stored = model_stored_tensors(&one.config, &count);
    void *left = bytes_of(&one, &stored[0], false, &size);
    void *right = bytes_of(&other, &stored[0], false, &size);
    assert_memory_not_equal(left, right, size);
    free(left);
    free(right);
    free(stored);
    model_close(&one);
    model_close(&two);
    model_close(&other);
}

static void fresh_weights_have_the_deviation_asked_for_and_norms_are_one(void **state) {
    (void)state;
    struct model model = fresh("grouped", 1);
    size_t size, count;
    struct stored_tensor *stored = model_stored_tensors(&model.config, &count);
    double sum = 0, squares = 0, elements = 0;
    for (size_t i = 0; i < count; i++) {
        float *values = bytes_of(&model, &stored[i], false, &size);
        for (size_t k = 0; k < size / sizeof *values; k++) {
            if (stored[i].vector)
                assert_true(values[k] == 1);
            sum += stored[i].vector ? 0 : values[k];
            squares += stored[i].vector ? 0 : (double)values[k] * values[k];
            elements += !stored[i].vector;
        }
        free(values);
    }
    assert_true(fabs(sum / elements) < 0.15 * 4 / sqrt(elements));
    assert_true(fabs(sqrt(squares / elements) / 0.15 - 1) < 0.03);
    free(stored);
    model_close(&model);
}

/* Large enough for several parts of a tensor to be drawn by several threads. */
static void fresh_weights_of_any_family_do_not_depend_on_threads(void **state) {
    (void)state;
    static const char *const kinds[] = {"neox", "qwen3", "bert"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct error error = {0};
        struct device *devices[2] = {fixture.device, device_open("cpu", 3, &error)};
        struct model models[2];
        char path[128];
        snprintf(path, sizeof path, "tests/golden/families/%s/config.json", kinds[i]);
        for (int k = 0; k < 2; k++) {
            struct model_config config;
            json_t *json = model_config_load(path, &error);
            assert_true(model_config_set(json, "vocab_size=5000", &error));
            assert_true(model_config_from_json(&config, json, &error));
            json_decref(json);
            if (!model_initialize(&models[k], &config, devices[k], 3, &error))
                fail_msg("%s", error.text);
        }
        assert_same_weights(&models[0], &models[1]);
        size_t count, size;
        struct stored_tensor *stored = model_stored_tensors(&models[0].config, &count);
        int64_t parameters = 0;
        for (size_t t = 0; t < count; t++) {
            parameters += stored[t].rows * stored[t].columns;
            if (!stored[t].vector || models[0].config.type != DTYPE_F32)
                continue;
            float *values = bytes_of(&models[0], &stored[t], false, &size);
            for (size_t k = 0; k < size / sizeof *values; k++)
                assert_true(values[k] == (stored[t].gain ? 1.0f : 0.0f));
            free(values);
        }
        assert_int_equal(parameters, model_config_parameters(&models[0].config));
        free(stored);
        model_close(&models[0]);
        model_close(&models[1]);
        device_close(devices[1]);
    }
}

/* One normal number an element, in order, however large the tensor is. */
static void a_fresh_tensor_is_the_sequence_named_after_it(void **state) {
    (void)state;
    struct error error = {0};
    struct model_config config;
    struct model model;
    struct random random;
    size_t size;
    json_t *json = model_config_load(GOLDEN "grouped/config.json", &error);
    assert_true(model_config_set(json, "vocab_size=5000", &error));
    assert_true(model_config_from_json(&config, json, &error));
    json_decref(json);
    assert_true(model_initialize(&model, &config, fixture.device, 8, &error));
    struct stored_tensor stored = {.rows = 5000, .columns = 32};
    float *values = bytes_of(&model, &stored, false, &size);
    random_start(&random, &(struct random_name){.seed = 8,
                                                .purpose = "initialize",
                                                .id = text_of("model.embed_tokens.weight")});
    for (size_t i = 0; i < size / sizeof *values; i++)
        assert_true(values[i] == (float)(0.15 * random_normal(&random)));
    free(values);
    model_close(&model);
}

/* Every family comes back from its files as it went in, element for element. */
static void what_transformers_wrote_of_any_family_is_saved_with_the_same_bytes(void **state) {
    (void)state;
    static const char *const kinds[] = {"llama3", "qwen2", "neox-sequential", "mistral"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char *from = format_text("tests/golden/families/%s", kinds[i]);
        char *path = path_join(from, "model.safetensors");
        struct model model = opened(from);
        struct safetensors before, after;
        struct error error = {0};
        save(&model, NULL);
        assert_true(safetensors_open(&before, path, &error));
        assert_true(safetensors_open(&after, in_folder("model.safetensors"), &error));
        assert_int_equal(before.count, after.count);
        for (size_t k = 0; k < before.count; k++) {
            assert_string_equal(before.entries[k].name, after.entries[k].name);
            assert_string_equal(before.entries[k].dtype, after.entries[k].dtype);
            assert_int_equal(before.entries[k].dimensions, after.entries[k].dimensions);
            assert_int_equal(before.entries[k].size, after.entries[k].size);
            assert_memory_equal(before.entries[k].data, after.entries[k].data,
                                after.entries[k].size);
        }
        safetensors_close(&before);
        safetensors_close(&after);
        model_close(&model);
        free(from);
        free(path);
    }
}

/* The halves of a bf16 model are those of the f32 model of the same seed. */
static void both_halves_together_are_the_f32_weight_exactly(void **state) {
    (void)state;
    struct model_config config;
    struct model model, wide;
    struct error error = {0};
    assert_true(model_config_read(&config, GOLDEN "bf16/config.json", &error));
    assert_true(model_initialize(&model, &config, fixture.device, 9, &error));
    assert_true(model_config_read(&config, GOLDEN "bf16/config.json", &error));
    model_config_set_type(&config, DTYPE_F32);
    assert_true(model_initialize(&wide, &config, fixture.device, 9, &error));
    size_t size, count;
    struct stored_tensor *stored = model_stored_tensors(&model.config, &count);
    for (size_t i = 0; i < count; i++) {
        uint16_t *values = bytes_of(&model, &stored[i], false, &size);
        int16_t *lows = bytes_of(&model, &stored[i], true, &size);
        uint32_t *masters = bytes_of(&wide, &stored[i], false, &size);
        for (size_t k = 0; k < size / sizeof *masters; k++)
            assert_int_equal(((uint32_t)values[k] << 16) + (uint32_t)(int32_t)lows[k], masters[k]);
        free(values);
        free(lows);
        free(masters);
    }
    free(stored);
    model_close(&model);
    model_close(&wide);
}

static void the_tokenizer_s_files_travel_along(void **state) {
    (void)state;
    struct model model = fresh("tied", 1);
    struct error error = {0};
    char source[128];
    snprintf(source, sizeof source, "%s/source", fixture.folder);
    assert_int_equal(mkdir(source, 0777), 0);
    assert_false(model_save(&model, fixture.folder, source, "a test", &error));
    assert_non_null(strstr(error.text, "holds neither tokenizer.json nor tokenizer.model"));
    assert_true(file_write(in_folder("source/tokenizer.json"), "{}", 2, &error));
    assert_true(file_write(in_folder("source/generation_config.json"), "{}", 2, &error));
    save(&model, source);
    assert_int_equal(access(in_folder("tokenizer.json"), F_OK), 0);
    assert_int_equal(access(in_folder("generation_config.json"), F_OK), 0);
    assert_int_not_equal(access(in_folder("tokenizer_config.json"), F_OK), 0);
    snprintf(source, sizeof source, "%s/source/tokenizer.json", fixture.folder);
    save(&model, source); /* a bare file: what transformers needs besides is made */
    assert_int_equal(access(in_folder("tokenizer_config.json"), F_OK), 0);
    assert_false(model_save(&model, fixture.folder, "/nowhere/at/all", "a test", &error));
    assert_non_null(strstr(error.text, "/nowhere/at/all: cannot be read"));
    model_close(&model);
}

/* ---- faults ---- */

/* Writes `name` with the golden model's tensors but the changes of `edit` made to the list. */
static void write_edited(const char *name, void (*edit)(struct safetensors_entry *, size_t *)) {
    struct safetensors file;
    struct safetensors_writer writer;
    struct error error = {0};
    assert_true(safetensors_open(&file, GOLDEN "grouped/model.safetensors", &error));
    struct safetensors_entry entries[64];
    size_t count = file.count;
    memcpy(entries, file.entries, count * sizeof *entries);
    edit(entries, &count);
    bool fine = safetensors_create(&writer, in_folder(name), entries, count, &error);
    for (size_t i = 0; i < count; i++)
        fine = fine && safetensors_write(&writer, entries[i].data, entries[i].size, &error);
    if (!fine || !safetensors_commit(&writer, &error))
        fail_msg("%s", error.text);
    safetensors_close(&file);
}

static void nothing(struct safetensors_entry *entries, size_t *count) {
    (void)entries;
    (void)count;
}

static void drop_first(struct safetensors_entry *entries, size_t *count) {
    memmove(entries, entries + 1, --*count * sizeof *entries);
}

static void add_extra(struct safetensors_entry *entries, size_t *count) {
    entries[*count] = entries[0];
    entries[(*count)++].name = "model.layers.2.self_attn.q_proj.weight";
}

static void add_frequencies(struct safetensors_entry *entries, size_t *count) {
    entries[*count] = entries[0];
    entries[(*count)++].name = "model.layers.0.self_attn.rotary_emb.inv_freq";
}

static void transpose_first(struct safetensors_entry *entries, size_t *count) {
    (void)count;
    int64_t rows = entries[0].shape[0];
    entries[0].shape[0] = entries[0].shape[1];
    entries[0].shape[1] = rows;
}

static void halve_last(struct safetensors_entry *entries, size_t *count) {
    struct safetensors_entry *last = &entries[*count - 1];
    last->dtype = "BF16";
    last->size /= 2;
}

static void make_integers(struct safetensors_entry *entries, size_t *count) {
    (void)count;
    entries[0].dtype = "I32";
}

static void a_wrong_missing_or_extra_tensor_is_named_with_its_file(void **state) {
    (void)state;
    static const struct {
        void (*edit)(struct safetensors_entry *, size_t *);
        const char *says;
    } cases[] = {
        {drop_first, "/model.safetensors: tensor 'lm_head.weight' is missing"},
        {add_extra, "tensor 'model.layers.2.self_attn.q_proj.weight' is not part of the model"},
        {transpose_first, "/model.safetensors: tensor 'lm_head.weight': has the shape [32, 53]; "
                          "[53, 32] would be right by config.json"},
        {make_integers,
         "tensor 'lm_head.weight': is of dtype I32; F32, BF16 or F16 would be right"},
    };
    copy(GOLDEN "grouped/config.json", "config.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_edited("model.safetensors", cases[i].edit);
        assert_refused(cases[i].says);
    }
    write_edited("model.safetensors", add_frequencies);
    struct model model = opened(fixture.folder);
    model_close(&model);
}

static void a_directory_that_lacks_a_file_is_refused(void **state) {
    (void)state;
    assert_refused("config.json: cannot be read");
    copy(GOLDEN "grouped/config.json", "config.json");
    assert_refused("holds neither model.safetensors nor model.safetensors.index.json");
    copy(GOLDEN "grouped/config.json", "pytorch_model.bin");
    assert_refused("has its weights as pytorch_model.bin");
    assert_int_equal(unlink(in_folder("pytorch_model.bin")), 0);
    copy(GOLDEN "tied/config.json", "config.json");
    copy(GOLDEN "grouped/model.safetensors", "model.safetensors");
    assert_refused("has the shape [16, 32]; [32, 32] would be right by config.json");
    assert_int_equal(truncate(in_folder("model.safetensors"), 20000), 0);
    assert_refused("/model.safetensors: tensor");
}

/* The golden configuration of `kind` with its dtype replaced (NULL: removed). */
static void write_config(const char *kind, const char *dtype) {
    struct error error = {0};
    char path[128];
    snprintf(path, sizeof path, GOLDEN "%s/config.json", kind);
    json_t *json = json_file(path, 4096, &error);
    struct buffer text = {0};
    json_object_del(json, "dtype");
    if (dtype != NULL)
        json_object_set_new(json, "dtype", json_string(dtype));
    json_write(json, &text);
    json_decref(json);
    assert_true(file_write(in_folder("config.json"), text.data, text.size, &error));
    buffer_free(&text);
}

static void the_dtype_is_the_configuration_s_or_else_the_widest_of_the_files(void **state) {
    (void)state;
    static const struct {
        const char *kind, *dtype;
        enum model_type asked;
        enum dtype type;
    } cases[] = {{"grouped", "bfloat16", MODEL_TYPE_STORED, DTYPE_BF16},
                 {"grouped", NULL, MODEL_TYPE_STORED, DTYPE_F32},
                 {"grouped", "float16", MODEL_TYPE_STORED, DTYPE_F32},
                 {"grouped", "float32", MODEL_TYPE_BF16, DTYPE_BF16},
                 {"bf16", NULL, MODEL_TYPE_STORED, DTYPE_BF16},
                 {"bf16", "float32", MODEL_TYPE_STORED, DTYPE_F32},
                 {"bf16", "bfloat16", MODEL_TYPE_F32, DTYPE_F32}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[128];
        snprintf(path, sizeof path, GOLDEN "%s/model.safetensors", cases[i].kind);
        copy(path, "model.safetensors");
        write_config(cases[i].kind, cases[i].dtype);
        struct model model =
            opened_for(fixture.folder, (struct model_opening){MODEL_LEARNING, cases[i].asked});
        assert_int_equal(model.config.type, cases[i].type);
        assert_int_equal(model_embedding(&model)->value.type, cases[i].type);
        const char *key = cases[i].dtype ? "dtype" : "torch_dtype";
        assert_string_equal(json_string_value(json_object_get(model.config.json, key)),
                            cases[i].type == DTYPE_F32 ? "float32" : "bfloat16");
        model_close(&model);
    }
}

/* ---- dtypes ---- */

/* f32 tensors narrowed for learning keep what rounding took off in their low halves. */
static void narrowed_weights_keep_their_remainder_when_they_learn(void **state) {
    (void)state;
    struct model wide = opened(GOLDEN "grouped");
    struct model narrow =
        opened_for(GOLDEN "grouped", (struct model_opening){MODEL_LEARNING, MODEL_TYPE_BF16});
    struct model frozen =
        opened_for(GOLDEN "grouped", (struct model_opening){MODEL_INFERENCE, MODEL_TYPE_BF16});
    size_t count, size;
    struct stored_tensor *stored = model_stored_tensors(&wide.config, &count);
    for (size_t i = 0; i < count; i++) {
        uint32_t *masters = bytes_of(&wide, &stored[i], false, &size);
        uint16_t *values = bytes_of(&narrow, &stored[i], false, &size);
        uint16_t *alone = bytes_of(&frozen, &stored[i], false, &size);
        int16_t *lows = bytes_of(&narrow, &stored[i], true, &size);
        assert_memory_equal(values, alone, size);
        for (size_t k = 0; k < size / sizeof *values; k++)
            assert_int_equal(((uint32_t)values[k] << 16) + (uint32_t)(int32_t)lows[k], masters[k]);
        free(masters);
        free(values);
        free(alone);
        free(lows);
    }
    assert_null(model_embedding(&frozen)->low.data);
    assert_string_equal(narrow.digest, wide.digest); /* that of the files */
    free(stored);
    model_close(&wide);
    model_close(&narrow);
    model_close(&frozen);
}

/* Replaces the final norm, 32 f32 numbers, by f16 ones; writes all tensors anew. */
static const uint16_t halves_written[32] = {
    0x0000, 0x8000, 0x3c00, 0xbc00, 0x0001, 0x83ff, 0x0400, 0x7bff, 0x7c00, 0xfc00, 0x3555,
    0x2e66, 0x4248, 0xc000, 0x0200, 0x1400, 0x3bff, 0x3c01, 0x7800, 0x0801, 0x5640, 0xd640,
    0x0002, 0x0003, 0x03fe, 0x6400, 0xe400, 0x3800, 0x3400, 0x3000, 0x2c00, 0x2800};

static void make_half(struct safetensors_entry *entries, size_t *count) {
    struct safetensors_entry *last = &entries[*count - 1];
    last->dtype = "F16";
    last->data = (const uint8_t *)halves_written;
    last->size = sizeof halves_written;
}

static double half_value(uint16_t half) {
    int exponent = half >> 10 & 31, digits = half & 1023;
    double size = exponent == 0    ? ldexp(digits, -24)
                  : exponent == 31 ? INFINITY
                                   : ldexp(1024 + digits, exponent - 25);
    return half & 0x8000 ? -size : size;
}

static void every_tensor_may_have_a_dtype_of_its_own_and_f16_is_widened(void **state) {
    (void)state;
    write_config("grouped", NULL);
    write_edited("model.safetensors", make_half);
    struct model model = opened(fixture.folder), whole = opened(GOLDEN "grouped");
    assert_int_equal(model.config.type, DTYPE_F32);
    float values[32];
    struct error error = {0};
    device_download(fixture.device, values, model_part(&model, MODEL_FINAL_NORM)->value);
    assert_true(device_finish(fixture.device, &error));
    for (size_t i = 0; i < 32; i++)
        assert_true((double)values[i] == half_value(halves_written[i]));
    assert_string_not_equal(model.digest, whole.digest);
    model_close(&model);
    write_edited("model.safetensors", halve_last);
    model = opened(fixture.folder);
    assert_int_equal(model.config.type, DTYPE_F32);
    model_close(&model);
    /* Narrowed, the f32 tensors have remainders and the bf16 one has none. */
    int16_t lows[32];
    model = opened_for(fixture.folder, (struct model_opening){MODEL_LEARNING, MODEL_TYPE_BF16});
    device_download(fixture.device, lows, model_part(&model, MODEL_FINAL_NORM)->low);
    assert_true(device_finish(fixture.device, &error));
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(lows[i], 0);
    model_close(&model);
    model_close(&whole);
}

static void a_frozen_model_has_no_low_halves_but_the_same_digest(void **state) {
    (void)state;
    struct error error = {0};
    struct model model = fresh("bf16", 3);
    save(&model, NULL);
    struct model_opening frozen = {0};
    struct model again = opened_for(fixture.folder, frozen);
    assert_null(model_embedding(&again)->low.data);
    assert_string_equal(again.digest, model.digest);
    model_close(&again);
    assert_int_equal(unlink(in_folder("lockpick.json")), 0);
    again = opened_for(fixture.folder, frozen);
    assert_string_equal(again.digest, model.digest);
    model_close(&again);
    assert_false(model_open(&again, fixture.folder, fixture.device,
                            (struct model_opening){MODEL_LEARNING, MODEL_TYPE_F32}, &error));
    assert_non_null(strstr(error.text, "low.safetensors: has low halves"));
    model_close(&model);
}

static void an_output_stored_although_it_is_tied_is_not_needed(void **state) {
    (void)state;
    struct model tied = opened(GOLDEN "tied");
    save(&tied, NULL);
    struct safetensors file;
    struct error error = {0};
    assert_true(safetensors_open(&file, in_folder("model.safetensors"), &error));
    struct safetensors_entry entries[64];
    memcpy(entries, file.entries, file.count * sizeof *entries);
    entries[file.count] = *safetensors_find(&file, "model.embed_tokens.weight");
    entries[file.count].name = "lm_head.weight";
    struct safetensors_writer writer;
    bool fine = safetensors_create(&writer, in_folder("two"), entries, file.count + 1, &error);
    for (size_t i = 0; i <= file.count; i++)
        fine = fine && safetensors_write(&writer, entries[i].data, entries[i].size, &error);
    assert_true(fine && safetensors_commit(&writer, &error));
    safetensors_close(&file);
    char *to = copy_text(in_folder("model.safetensors"));
    assert_int_equal(rename(in_folder("two"), to), 0);
    free(to);
    struct model again = opened(fixture.folder);
    assert_string_equal(again.digest, tied.digest);
    model_close(&again);
    model_close(&tied);
}

static void end_tokens_of_the_generation_settings_count_as_well(void **state) {
    (void)state;
    static const char settings[] = "{\"eos_token_id\":[5,7]}", wrong[] = "{\"eos_token_id\":99}";
    struct error error = {0};
    copy(GOLDEN "grouped/config.json", "config.json");
    copy(GOLDEN "grouped/model.safetensors", "model.safetensors");
    assert_true(
        file_write(in_folder("generation_config.json"), settings, sizeof settings - 1, &error));
    struct model model = opened(fixture.folder);
    assert_int_equal(model.config.end_token_count, 2);
    assert_int_equal(model.config.end_tokens[1], 7);
    model_close(&model);
    assert_true(file_write(in_folder("generation_config.json"), wrong, sizeof wrong - 1, &error));
    assert_refused("generation_config.json: 'eos_token_id' must be");
}

/* ---- shards ---- */

static void first_half(struct safetensors_entry *entries, size_t *count) {
    (void)entries;
    *count = 9;
}

static void second_half(struct safetensors_entry *entries, size_t *count) {
    *count -= 9;
    memmove(entries, entries + 9, *count * sizeof *entries);
}

static void write_index(const char *first, const char *second) {
    struct error error = {0};
    char *index = format_text("{\"weight_map\":{\"a\":\"%s\",\"b\":\"%s\"}}", first, second);
    assert_true(
        file_write(in_folder("model.safetensors.index.json"), index, strlen(index), &error));
    free(index);
}

static void shards_are_read_as_one_file(void **state) {
    (void)state;
    copy(GOLDEN "grouped/config.json", "config.json");
    write_edited("model-1.safetensors", first_half);
    write_edited("model-2.safetensors", second_half);
    write_index("model-1.safetensors", "model-2.safetensors");
    struct model whole = opened(GOLDEN "grouped"), sharded = opened(fixture.folder);
    assert_same_weights(&whole, &sharded);
    assert_string_equal(whole.digest, sharded.digest);
    model_close(&whole);
    model_close(&sharded);
    write_index("model-1.safetensors", "model-1.safetensors");
    assert_refused("is missing");
    write_edited("model-3.safetensors", nothing);
    write_index("model-1.safetensors", "model-3.safetensors");
    assert_refused("is there twice");
    write_index("model-1.safetensors", "../model-2.safetensors");
    assert_refused("the file of tensor 'b' is no plain file name");
    write_index("model-1.safetensors", "gone.safetensors");
    assert_refused("gone.safetensors: cannot be read");
}

static void a_large_model_is_written_in_shards_with_an_index(void **state) {
    (void)state;
    struct model model = fresh("bf16", 4);
    struct error error = {0};
    model.shard_size = 10000;
    save(&model, NULL);
    assert_int_not_equal(access(in_folder("model.safetensors"), F_OK), 0);
    json_t *index = json_file(in_folder("model.safetensors.index.json"), 1 << 20, &error);
    assert_non_null(index);
    json_t *metadata = json_object_get(index, "metadata");
    assert_int_equal(json_integer_value(json_object_get(metadata, "total_size")),
                     2 * model_config_parameters(&model.config));
    const char *first =
        json_string_value(json_object_get(json_object_get(index, "weight_map"), "lm_head.weight"));
    const char *of = first ? strstr(first, "-of-") : NULL;
    assert_non_null(of);
    int shards = (int)strtol(of + 4, NULL, 10);
    assert_true(shards >= 3);
    size_t largest = 0;
    for (int i = 1; i <= shards; i++) {
        char name[64];
        struct safetensors file;
        snprintf(name, sizeof name, "model-%05d-of-%05d.safetensors", i, shards);
        assert_true(safetensors_open(&file, in_folder(name), &error));
        size_t size = 0;
        for (size_t k = 0; k < file.count; k++) {
            size += file.entries[k].size;
            assert_string_equal(
                name, json_string_value(json_object_get(json_object_get(index, "weight_map"),
                                                        file.entries[k].name)));
        }
        largest = size > largest ? size : largest;
        safetensors_close(&file);
    }
    assert_true(largest <= 10000);
    json_decref(index);
    struct model again = opened(fixture.folder);
    assert_same_weights(&model, &again);
    assert_string_equal(model.digest, again.digest);
    model_close(&model);
    model_close(&again);
}

/* ---- damage ---- */

static void flip_last_byte(const char *name) {
    struct error error = {0};
    struct buffer bytes = {0};
    assert_true(file_read(in_folder(name), (size_t)1 << 24, &bytes, &error));
    bytes.data[bytes.size - 1] ^= 1;
    assert_true(file_write(in_folder(name), bytes.data, bytes.size, &error));
    buffer_free(&bytes);
}

static void weights_that_changed_behind_our_back_are_refused(void **state) {
    (void)state;
    static const char *const files[] = {"model.safetensors", "low.safetensors"};
    for (int i = 0; i < 2; i++) {
        struct model model = fresh("bf16", 3);
        save(&model, NULL);
        flip_last_byte(files[i]);
        assert_refused("delete lockpick.json if the change was wanted");
        assert_int_equal(unlink(in_folder("lockpick.json")), 0);
        struct model changed = opened(fixture.folder);
        assert_string_not_equal(changed.digest, model.digest);
        model_close(&changed);
        model_close(&model);
    }
}

static void a_damaged_note_or_side_file_is_refused(void **state) {
    (void)state;
    struct error error = {0};
    struct model model = fresh("bf16", 3);
    save(&model, NULL);
    assert_true(file_write(in_folder("lockpick.json"), "{\"format\":9}", 12, &error));
    assert_refused("lockpick.json: 'format' is 9");
    assert_true(file_write(in_folder("lockpick.json"), "{\"format\":2}", 12, &error));
    assert_refused("lockpick.json: 'digest' is missing");
    assert_int_equal(unlink(in_folder("lockpick.json")), 0);
    copy(GOLDEN "bf16/model.safetensors", "low.safetensors");
    assert_refused("/low.safetensors: tensor 'model.embed_tokens.weight': is of dtype BF16; I16 "
                   "would be right");
    assert_int_equal(truncate(in_folder("low.safetensors"), 3), 0);
    assert_refused("/low.safetensors: has 3 bytes");
    model_close(&model);
    model = fresh("grouped", 3);
    save(&model, NULL);
    model_close(&model);
    copy(GOLDEN "bf16/model.safetensors", "low.safetensors");
    assert_refused("low halves belong to bf16 weights, but 'model.embed_tokens.weight' is F32");
}

static int make_folder(void **state) {
    (void)state;
    snprintf(fixture.folder, sizeof fixture.folder, "/tmp/lockpick-checkpoint-XXXXXX");
    return mkdtemp(fixture.folder) == NULL;
}

static int remove_folder(void **state) {
    (void)state;
    struct error error;
    return !remove_tree(fixture.folder, &error);
}

static int open_device(void **state) {
    (void)state;
    struct error error;
    fixture.device = device_open("cpu", 1, &error);
    return fixture.device == NULL;
}

static int close_device(void **state) {
    (void)state;
    device_close(fixture.device);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_tensor_of_a_reference_checkpoint_is_read_bit_for_bit),
        TEST(the_parts_of_a_model_are_found_and_named),
        TEST(low_halves_that_are_not_stored_are_zero),
        TEST(a_saved_model_opens_the_same_with_the_same_digest),
        TEST(saving_what_transformers_wrote_keeps_its_digest),
        TEST(a_digest_is_told_without_opening_the_model),
        TEST(fresh_weights_depend_on_the_seed_alone),
        TEST(fresh_weights_have_the_deviation_asked_for_and_norms_are_one),
        TEST(fresh_weights_of_any_family_do_not_depend_on_threads),
        TEST(a_fresh_tensor_is_the_sequence_named_after_it),
        TEST(what_transformers_wrote_of_any_family_is_saved_with_the_same_bytes),
        TEST(both_halves_together_are_the_f32_weight_exactly),
        TEST(the_tokenizer_s_files_travel_along),
        TEST(a_wrong_missing_or_extra_tensor_is_named_with_its_file),
        TEST(a_directory_that_lacks_a_file_is_refused),
        TEST(the_dtype_is_the_configuration_s_or_else_the_widest_of_the_files),
        TEST(end_tokens_of_the_generation_settings_count_as_well),
        TEST(narrowed_weights_keep_their_remainder_when_they_learn),
        TEST(every_tensor_may_have_a_dtype_of_its_own_and_f16_is_widened),
        TEST(a_frozen_model_has_no_low_halves_but_the_same_digest),
        TEST(an_output_stored_although_it_is_tied_is_not_needed),
        TEST(shards_are_read_as_one_file),
        TEST(a_large_model_is_written_in_shards_with_an_index),
        TEST(weights_that_changed_behind_our_back_are_refused),
        TEST(a_damaged_note_or_side_file_is_refused),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, open_device, close_device);
}
