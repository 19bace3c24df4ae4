/*
 * Sentence embeddings against those of transformers (tests/golden/families.py describes them), and
 * the ways in which checkpoints of encoders are written.
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

#include "model/safetensors.h"
#include "model/sentence_encoder.h"

#define GOLDEN "tests/golden/families/bert"

struct fixture {
    struct device *device;
    struct safetensors expected;
    char folder[64]; /* empty at the start of every test */
};

static struct fixture fixture;

static const struct model_opening encoding = {.use = MODEL_ENCODING};

/* Aligned copy of a recorded tensor; the caller frees. */
static void *copy_of(const char *name) {
    const struct safetensors_entry *entry = safetensors_find(&fixture.expected, name);
    assert_non_null(entry);
    return memcpy(allocate(entry->size, 1), entry->data, entry->size);
}

static const char *in_folder(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", fixture.folder, name);
    return path;
}

static void write_text(const char *name, const char *text) {
    struct error error = {0};
    assert_true(file_write(in_folder(name), text, strlen(text), &error));
}

static void copy(const char *name) {
    struct buffer bytes = {0};
    struct error error = {0};
    char *from = path_join(GOLDEN, name);
    assert_true(file_read(from, (size_t)1 << 24, &bytes, &error));
    assert_true(file_write(in_folder(name), bytes.data, bytes.size, &error));
    buffer_free(&bytes);
    free(from);
}

/* Embeddings of the recorded texts by the checkpoint in `directory` differ from `name` by that much
 * of the largest number; `pooling` and `normalized` −1: as the checkpoint says. */
static double difference(const char *directory, const char *name, int pooling, int normalized) {
    struct error error = {0};
    struct model model;
    struct sentence_encoder encoder;
    if (!model_open(&model, directory, fixture.device, encoding, &error) ||
        !sentence_encoder_open(&encoder, &model, 64, 8, &error))
        fail_msg("%s", error.text);
    if (pooling >= 0)
        encoder.pooling = (enum pooling_kind)pooling;
    if (normalized >= 0)
        encoder.normalized = normalized;
    int32_t *tokens = copy_of("tokens"), *offsets = copy_of("offsets");
    float *wanted = copy_of(name), got[5 * 32];
    assert_int_equal(safetensors_find(&fixture.expected, "offsets")->shape[0], 6);
    if (!sentence_encoder_forward(&encoder, tokens, offsets, 5, got, &error))
        fail_msg("%s", error.text);
    double apart = 0, largest = 0;
    for (size_t i = 0; i < sizeof got / sizeof *got; i++) {
        apart = fmax(apart, fabs((double)got[i] - (double)wanted[i]));
        largest = fmax(largest, fabs((double)wanted[i]));
    }
    free(tokens);
    free(offsets);
    free(wanted);
    sentence_encoder_close(&encoder);
    model_close(&model);
    return apart / largest;
}

static void embeddings_equal_those_of_transformers(void **state) {
    (void)state;
    assert_true(difference(GOLDEN, "sentence", -1, -1) < 1e-5);
    assert_true(difference(GOLDEN, "mean", POOLING_MEAN, false) < 1e-5);
    assert_true(difference(GOLDEN, "first", POOLING_FIRST, false) < 1e-5);
}

static void the_checkpoint_says_how_to_pool_and_how_much_to_read(void **state) {
    (void)state;
    struct error error = {0};
    struct model model;
    struct sentence_encoder encoder;
    copy("config.json");
    copy("model.safetensors");
    assert_true(difference(fixture.folder, "mean", -1, -1) < 1e-5);
    assert_int_equal(mkdir(in_folder("1_Pooling"), 0777), 0);
    write_text("1_Pooling/config.json",
               "{\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":false}");
    assert_true(difference(fixture.folder, "first", -1, -1) < 1e-5);
    write_text("1_Pooling/config.json", "{\"pooling_mode\":\"mean\"}");
    write_text("sentence_bert_config.json", "{\"max_seq_length\":12}");
    assert_true(model_open(&model, fixture.folder, fixture.device, encoding, &error));
    assert_true(sentence_encoder_open(&encoder, &model, 1, 2, &error));
    assert_int_equal(encoder.longest, 12);
    int32_t tokens[13] = {1}, offsets[] = {0, 13};
    float embedding[32];
    assert_false(sentence_encoder_forward(&encoder, tokens, offsets, 1, embedding, &error));
    assert_non_null(strstr(error.text, "13 tokens"));
    sentence_encoder_close(&encoder);
    static const char *const wrong[][3] = {
        {"sentence_bert_config.json", "{\"max_seq_length\":65}", "'max_seq_length' is 65"},
        {"1_Pooling/config.json", "{\"pooling_mode_max_tokens\":true}", "the mean of the tokens"},
        {"1_Pooling/config.json", "{\"pooling_mode\":\"weightedmean\"}", "the mean of the tokens"},
        {"modules.json", "{}", "is no JSON list"},
        {"modules.json", "[{\"type\":\"sentence_transformers.models.Dense\"}]",
         "the module 'Dense' is not supported"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_text(wrong[i][0], wrong[i][1]);
        assert_false(sentence_encoder_open(&encoder, &model, 64, 2, &error));
        if (strstr(error.text, wrong[i][2]) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error.text, wrong[i][2]);
    }
    model_close(&model);
}

/* The tensors under the names of BertForMaskedLM, and norms' under those of older files. */
static void names_may_have_a_prefix_and_norms_older_names(void **state) {
    (void)state;
    struct error error = {0};
    struct safetensors file;
    struct safetensors_writer writer;
    assert_true(safetensors_open(&file, GOLDEN "/model.safetensors", &error));
    struct safetensors_entry *entries = allocate(file.count, sizeof *entries);
    for (size_t i = 0; i < file.count; i++) {
        entries[i] = file.entries[i];
        const char *name = entries[i].name, *norm = strstr(name, "LayerNorm.");
        entries[i].name = norm == NULL
                              ? format_text("bert.%s", name)
                              : format_text("bert.%.*sLayerNorm.%s", (int)(norm - name), name,
                                            strcmp(norm, "LayerNorm.bias") == 0 ? "beta" : "gamma");
    }
    copy("config.json");
    bool fine =
        safetensors_create(&writer, in_folder("model.safetensors"), entries, file.count, &error);
    for (size_t i = 0; i < file.count; i++) {
        fine = fine && safetensors_write(&writer, entries[i].data, entries[i].size, &error);
        free((char *)(uintptr_t)entries[i].name);
    }
    assert_true(fine && safetensors_commit(&writer, &error));
    assert_true(difference(fixture.folder, "mean", -1, -1) < 1e-5);
    free(entries);
    safetensors_close(&file);
}

static void bf16_weights_give_nearly_the_same(void **state) {
    (void)state;
    struct error error = {0};
    struct model model;
    assert_true(model_open(&model, GOLDEN, fixture.device,
                           (struct model_opening){MODEL_ENCODING, MODEL_TYPE_BF16}, &error));
    assert_true(model_save(&model, fixture.folder, NULL, "a test", &error));
    assert_int_equal(access(in_folder("modules.json"), F_OK), 0);
    assert_int_equal(access(in_folder("1_Pooling/config.json"), F_OK), 0);
    assert_int_equal(access(in_folder("sentence_bert_config.json"), F_OK), 0);
    model_close(&model);
    assert_true(difference(fixture.folder, "sentence", -1, -1) < 2e-2);
}

static void an_encoder_does_not_generate_and_a_decoder_does_not_embed(void **state) {
    (void)state;
    struct error error = {0};
    struct model model;
    assert_false(model_open(&model, GOLDEN, fixture.device, (struct model_opening){0}, &error));
    assert_non_null(strstr(error.text, "config.json: describes an encoder"));
    assert_false(
        model_open(&model, "tests/golden/families/qwen3", fixture.device, encoding, &error));
    assert_non_null(strstr(error.text, "config.json: describes a decoder"));
}

static int open_all(void **state) {
    (void)state;
    struct error error;
    fixture.device = device_open("cpu", 2, &error);
    return fixture.device == NULL ||
           !safetensors_open(&fixture.expected, GOLDEN "/expected.safetensors", &error);
}

static int close_all(void **state) {
    (void)state;
    safetensors_close(&fixture.expected);
    device_close(fixture.device);
    return 0;
}

static int make_folder(void **state) {
    (void)state;
    snprintf(fixture.folder, sizeof fixture.folder, "/tmp/lockpick-encoder-XXXXXX");
    return mkdtemp(fixture.folder) == NULL;
}

static int remove_folder(void **state) {
    (void)state;
    struct error error;
    return !remove_tree(fixture.folder, &error);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(embeddings_equal_those_of_transformers),
        TEST(the_checkpoint_says_how_to_pool_and_how_much_to_read),
        TEST(names_may_have_a_prefix_and_norms_older_names),
        TEST(bf16_weights_give_nearly_the_same),
        TEST(an_encoder_does_not_generate_and_a_decoder_does_not_embed),
    };
    return cmocka_run_group_tests_name("encoder", tests, open_all, close_all);
}
