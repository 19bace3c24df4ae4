/* Any bytes as a safetensors file: refused, or every tensor lies within them. */
#include <stdint.h>
#include <stdlib.h>

#include "model/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct safetensors tensors;
    struct error error = {0};
    if (!safetensors_parse(&tensors, bytes, size, &error)) {
        if (error.text[0] == '\0')
            abort();
        return 0;
    }
    for (size_t i = 0; i < tensors.count; i++) {
        const struct safetensors_entry *entry = &tensors.entries[i];
        char shape[128];
        safetensors_shape(entry, shape);
        if (entry->data < bytes || entry->size > size || entry->data + entry->size > bytes + size ||
            safetensors_find(&tensors, entry->name) != entry)
            abort();
    }
    safetensors_close(&tensors);
    return 0;
}
