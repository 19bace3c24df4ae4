/* Recordings: what may happen between their begin and their end, and how they fail. */
#include "kernel/device.h"

bool device_records(const struct device *device) {
    return device->operations->record_begin != NULL;
}

bool device_not_recording(struct device *device, const char *operation) {
    if (device->recording)
        device_fail(device, "%s: operations are being recorded; recording_end() goes first",
                    operation);
    return !device->recording;
}

void recording_begin(struct device *device) {
    if (device->failed || !device_not_recording(device, "recording_begin"))
        return;
    if (!device_records(device)) {
        device_fail(device, "recording_begin: %s cannot record; run the operations one by one",
                    device->name);
        return;
    }
    device->recording = true;
    device->operations->record_begin(device);
}

struct recording *recording_end(struct device *device, struct error *error) {
    struct recording *recording = NULL;
    if (device->recording)
        recording = device->operations->record_end(device);
    else
        device_fail(device, "recording_end: nothing was begun; recording_begin() goes first");
    device->recording = false;
    if (!device->failed)
        return recording;
    device->failed = false;
    error_set(error, "%s", device->failure.text);
    recording_free(device, recording);
    return NULL;
}

bool recording_valid(const struct device *device, const struct recording *recording) {
    return device->operations->record_valid(device, recording);
}

void recording_run(struct device *device, const struct recording *recording) {
    if (device->failed || !device_not_recording(device, "recording_run"))
        return;
    if (recording_valid(device, recording))
        device->operations->record_run(device, recording);
    else
        device_fail(device, "recording_run: the scratch memory has moved since; record it anew");
}

void recording_free(struct device *device, struct recording *recording) {
    if (recording != NULL)
        device->operations->record_free(recording);
}
