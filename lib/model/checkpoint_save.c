/*
 * Writing a checkpoint directory: the weights (checkpoint_write.c), the configuration,
 * lockpick.json, and the files of the tokenizer and of a sentence encoder's pooling, copied.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/checkpoint.h"

#define COPY_LIMIT ((size_t)256 << 20)

/* ---- the place ---- */

static bool is_checkpoint(const char *path) {
    char *config = path_join(path, "config.json");
    bool there = access(config, F_OK) == 0;
    free(config);
    return there;
}

/* An empty directory counts as a folder of checkpoints. */
static bool holds_only_checkpoints(const char *path) {
    DIR *stream = opendir(path);
    if (stream == NULL)
        return false;
    bool fine = true;
    struct dirent *entry;
    while (fine && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *inside = path_join(path, entry->d_name);
        fine = is_checkpoint(inside);
        free(inside);
    }
    closedir(stream);
    return fine;
}

bool checkpoint_directory_open(struct output_directory *directory, const char *path, bool replace,
                               struct error *error) {
    struct stat status;
    if (replace && lstat(path, &status) == 0 && !is_checkpoint(path) &&
        !holds_only_checkpoints(path))
        return error_set(error,
                         "%s: is no checkpoint and no folder of them; remove it yourself if "
                         "it may go",
                         path);
    return directory_open(directory, path, replace, error);
}

/* ---- the small files ---- */

bool checkpoint_save_json(const json_t *json, const char *directory, const char *name,
                          struct error *error) {
    struct buffer text = {0};
    json_write(json, &text);
    char *path = path_join(directory, name);
    bool fine = file_write(path, text.data, text.size, error);
    free(path);
    buffer_free(&text);
    return fine;
}

static bool save_note(const struct model *model, const char *directory, const char *low,
                      const char *made_by, struct error *error) {
    json_t *maker = json_string(made_by); /* NULL where it is not UTF-8 */
    json_t *note = json_pack("{si ss}", "format", 2, "digest", model->digest);
    if (low[0] != '\0')
        json_object_set_new(note, "low_digest", json_string(low));
    json_object_set_new(note, "parameters",
                        json_integer((json_int_t)model_config_parameters(&model->config)));
    json_object_set_new(note, "made_by",
                        maker ? maker : json_string("arguments that are not UTF-8"));
    bool fine = checkpoint_save_json(note, directory, "lockpick.json", error);
    json_decref(note);
    return fine;
}

static bool copy_file(const char *from, const char *directory, const char *name,
                      struct error *error) {
    struct buffer content = {0};
    char *to = path_join(directory, name);
    bool fine = file_read(from, COPY_LIMIT, &content, error) &&
                file_write(to, content.data, content.size, error);
    free(to);
    buffer_free(&content);
    return fine;
}

/* What makes transformers read a bare tokenizer.json as it stands. */
static bool save_tokenizer_config(const char *directory, struct error *error) {
    json_t *json = json_pack("{ss sb}", "tokenizer_class", "PreTrainedTokenizerFast",
                             "clean_up_tokenization_spaces", 0);
    bool fine = checkpoint_save_json(json, directory, "tokenizer_config.json", error);
    json_decref(json);
    return fine;
}

/* `name` may lie in a folder of its own, which is made. */
static bool copy_named(const char *source, const char *directory, const char *name, bool *found,
                       struct error *error) {
    char *from = path_join(source, name), *folder = path_join(directory, name);
    bool fine = true;
    *found = access(from, F_OK) == 0;
    if (*found && strchr(name, '/') != NULL) {
        *strrchr(folder, '/') = '\0';
        fine = mkdir(folder, 0777) == 0 || errno == EEXIST ||
               error_set_errno(error, "%s: cannot be made", folder);
    }
    fine = fine && (!*found || copy_file(from, directory, name, error));
    free(from);
    free(folder);
    return fine;
}

/* `found` counts the files that a tokenizer can be made from. */
static bool copy_directory(const char *source, const char *directory, size_t *found,
                           struct error *error) {
    static const char *const names[] = {"tokenizer.json",
                                        "tokenizer.model",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "generation_config.json",
                                        "added_tokens.json",
                                        "vocab.json",
                                        "vocab.txt",
                                        "merges.txt",
                                        "chat_template.jinja",
                                        "chat_template.json",
                                        "modules.json",
                                        "sentence_bert_config.json",
                                        "config_sentence_transformers.json",
                                        "1_Pooling/config.json"};
    bool fine = true;
    for (size_t i = 0; fine && i < sizeof names / sizeof *names; i++) {
        bool there;
        fine = copy_named(source, directory, names[i], &there, error);
        *found += there && i < 2;
    }
    return fine;
}

static bool save_tokenizer(const char *source, const char *directory, struct error *error) {
    struct stat status;
    if (stat(source, &status) != 0)
        return error_set_errno(error, "%s: cannot be read", source);
    if (!S_ISDIR(status.st_mode))
        return copy_file(source, directory, "tokenizer.json", error) &&
               save_tokenizer_config(directory, error);
    size_t found = 0;
    if (!copy_directory(source, directory, &found, error))
        return false;
    return found > 0 ||
           error_set(error, "%s: holds neither tokenizer.json nor tokenizer.model", source);
}

bool model_save(struct model *model, const char *directory, const char *tokenizer_source,
                const char *made_by, struct error *error) {
    char low[33];
    if (!checkpoint_save_weights(model, directory, low, error) ||
        !checkpoint_save_json(model->config.json, directory, "config.json", error))
        return false;
    size_t found = 0;
    bool fine = tokenizer_source != NULL ? save_tokenizer(tokenizer_source, directory, error)
                : model->directory != NULL
                    ? copy_directory(model->directory, directory, &found, error)
                    : true;
    return fine && save_note(model, directory, low, made_by, error);
}
