/* What all devices share: their descriptions, and the first failure, which sticks. */
#include "kernel/device.h"

#include <stdarg.h>
#include <stdio.h>

void device_close(struct device *device) {
    if (device != NULL)
        device->operations->close(device);
}

const char *device_name(const struct device *device) {
    return device->name;
}

const char *device_description(const struct device *device) {
    return device->description;
}

int device_threads(const struct device *device) {
    return device->threads;
}

bool device_finish(struct device *device, struct error *error) {
    if (!device_not_recording(device, "device_finish"))
        return error_set(error, "%s", device->failure.text); /* and recording_end() will say so */
    device->operations->finish(device);
    if (!device->failed)
        return true;
    device->failed = false;
    return error_set(error, "%s", device->failure.text);
}

size_t device_memory(const struct device *device) {
    return device->operations->memory(device);
}

enum dtype device_activations(const struct device *device, enum dtype weights) {
    return device->narrow_activations && weights == DTYPE_BF16 ? DTYPE_BF16 : DTYPE_F32;
}

size_t device_scratch(const struct device *device, struct workload workload) {
    return device->operations->scratch(device, workload);
}

void device_fail(struct device *device, const char *format, ...) {
    if (device->failed)
        return;
    device->failed = true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(device->failure.text, sizeof device->failure.text, format, arguments);
    va_end(arguments);
}
