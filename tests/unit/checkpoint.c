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

static struct model opened(const char *directory) {
    struct model model = {0};
    struct error error = {0};
    if (!model_open(&model, directory, fixture.device, &error))
        fail_msg("%s", error.text);
    return model;
}

static void assert_refused(const char *says) {
    struct model model;
    struct error error = {0};
    if (model_open(&model, fixture.folder, fixture.device, &error))
        fail_msg("it was opened; should say \"%s\"", says);
    if (strstr(error.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, says);
}

/* The bytes of a stored tensor as they lie in the model; the caller frees. */
static void *bytes_of(const struct model *model, const struct stored_tensor *stored, bool low,
                      size_t *size) {
    const struct learning_weight *weight = &model->weights[stored->index];
    struct tensor rows =
        tensor_rows(low ? weight->low : weight->value, stored->first_row, stored->rows);
    struct error error = {0};
    *size = (size_t)(stored->rows * stored->columns) * dtype_size(rows.type);
    void *bytes = malloc(*size);
    device_download(model->device, bytes, rows);
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
    assert_int_equal(model.weight_count, 1 + 2 * LAYER_WEIGHTS + 2);
    assert_ptr_equal(model_embedding(&model), model.weights);
    struct learning_weight *qkv = model_layer(&model, 1, LAYER_QKV);
    assert_int_equal(qkv->value.rows, 32 + 2 * 16);
    assert_int_equal(qkv->value.columns, 32);
    model_weight_name(&model, (size_t)(qkv - model.weights), name);
    assert_string_equal(name, "layer 1 qkv");
    assert_int_equal(model_layer(&model, 0, LAYER_GATE_UP)->value.rows, 64);
    assert_int_equal(model_final_norm(&model)->value.rows, 1);
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
        {halve_last, "tensor 'model.norm.weight': is of dtype BF16, others are not"},
        {make_integers, "tensor 'lm_head.weight': is of dtype I32; F32 and BF16"},
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
    copy(GOLDEN "tied/config.json", "config.json");
    copy(GOLDEN "grouped/model.safetensors", "model.safetensors");
    assert_refused("has the shape [16, 32]; [32, 32] would be right by config.json");
    assert_int_equal(truncate(in_folder("model.safetensors"), 20000), 0);
    assert_refused("/model.safetensors: tensor");
}

static void the_tensors_decide_the_dtype_not_the_configuration(void **state) {
    (void)state;
    struct error error = {0};
    json_t *json = json_file(GOLDEN "grouped/config.json", 4096, &error);
    struct buffer text = {0};
    json_object_set_new(json, "dtype", json_string("bfloat16"));
    json_write(json, &text);
    json_decref(json);
    assert_true(file_write(in_folder("config.json"), text.data, text.size, &error));
    buffer_free(&text);
    copy(GOLDEN "grouped/model.safetensors", "model.safetensors");
    struct model model = opened(fixture.folder);
    assert_int_equal(model.config.type, DTYPE_F32);
    assert_int_equal(model_embedding(&model)->value.type, DTYPE_F32);
    assert_string_equal(json_string_value(json_object_get(model.config.json, "dtype")), "float32");
    model_close(&model);
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
    assert_true(file_write(in_folder("lockpick.json"), "{\"format\":2}", 12, &error));
    assert_refused("lockpick.json: 'format' is 2");
    assert_true(file_write(in_folder("lockpick.json"), "{\"format\":1}", 12, &error));
    assert_refused("lockpick.json: 'digest' is missing");
    assert_int_equal(unlink(in_folder("lockpick.json")), 0);
    copy(GOLDEN "bf16/model.safetensors", "low.safetensors");
    assert_refused("/low.safetensors: tensor 'model.embed_tokens.weight' is of dtype BF16; I16");
    assert_int_equal(truncate(in_folder("low.safetensors"), 3), 0);
    assert_refused("/low.safetensors: has 3 bytes");
    model_close(&model);
    model = fresh("grouped", 3);
    save(&model, NULL);
    model_close(&model);
    copy(GOLDEN "bf16/model.safetensors", "low.safetensors");
    assert_refused("low halves belong to bf16 weights, but these are f32");
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
        TEST(fresh_weights_depend_on_the_seed_alone),
        TEST(fresh_weights_have_the_deviation_asked_for_and_norms_are_one),
        TEST(both_halves_together_are_the_f32_weight_exactly),
        TEST(the_tokenizer_s_files_travel_along),
        TEST(a_wrong_missing_or_extra_tensor_is_named_with_its_file),
        TEST(a_directory_that_lacks_a_file_is_refused),
        TEST(the_tensors_decide_the_dtype_not_the_configuration),
        TEST(shards_are_read_as_one_file),
        TEST(weights_that_changed_behind_our_back_are_refused),
        TEST(a_damaged_note_or_side_file_is_refused),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, open_device, close_device);
}
