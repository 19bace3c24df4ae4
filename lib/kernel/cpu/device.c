/*
 * The CPU device itself: choosing an instruction set, memory, scratch, and how many threads a piece
 * of work is worth.
 */
#include "kernel/cpu/cpu.h"

#include <cblas.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    MOST_THREADS = 1024,
    HUGE_PAGE = 2 << 20,       /* bytes */
    WORK_PER_THREAD = 4 << 20, /* about 50 µs */
};

/* ---- instruction sets ---- */

#define DECLARE_ISA(isa)                                                                           \
    extern const struct row_kernels row_kernels_##isa;                                             \
    extern const struct norm_kernels norm_kernels_##isa;                                           \
    extern const struct activation_kernels activation_kernels_##isa;                               \
    extern const struct product_kernels product_kernels_##isa;                                     \
    extern const struct panel_kernels panel_kernels_##isa;                                         \
    extern const struct attention_kernels attention_kernels_##isa;                                 \
    extern const struct optimizer_kernels optimizer_kernels_##isa;
#define LIST_ISA(isa)                                                                              \
    {                                                                                              \
#isa, &row_kernels_##isa, &norm_kernels_##isa, &activation_kernels_##isa,                  \
            &product_kernels_##isa, &panel_kernels_##isa, &attention_kernels_##isa,                \
            &optimizer_kernels_##isa                                                               \
    }

DECLARE_ISA(baseline)
#ifdef __x86_64__
DECLARE_ISA(avx2)
DECLARE_ISA(avx512)
#endif

/* From the least to the most. */
static const struct cpu_kernels kernel_sets[] = {
    LIST_ISA(baseline),
#ifdef __x86_64__
    LIST_ISA(avx2),
    LIST_ISA(avx512),
#endif
};

enum { KERNEL_SETS = sizeof kernel_sets / sizeof *kernel_sets };

/* Whether this processor runs what the Makefile compiles under that name. */
static bool supported(const char *name) {
#ifdef __x86_64__
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                __builtin_cpu_supports("bmi2");
    if (strcmp(name, "avx2") == 0)
        return avx2;
    if (strcmp(name, "avx512") == 0)
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
    return strcmp(name, "baseline") == 0;
}

static const struct cpu_kernels *choose_kernels(struct error *error) {
    const char *forced = getenv("LOCKPICK_ISA");
    if (forced == NULL || *forced == 0) {
        for (int i = KERNEL_SETS - 1; i > 0; i--)
            if (supported(kernel_sets[i].name))
                return &kernel_sets[i];
        return &kernel_sets[0];
    }
    char names[64] = "";
    for (int i = 0; i < KERNEL_SETS; i++) {
        bool runs = supported(kernel_sets[i].name);
        if (runs && strcmp(forced, kernel_sets[i].name) == 0)
            return &kernel_sets[i];
        if (runs) {
            size_t used = strlen(names);
            snprintf(names + used, sizeof names - used, "%s%s", used ? " or " : "",
                     kernel_sets[i].name);
        }
    }
    error_set(error,
              "LOCKPICK_ISA=%.64s: this build or processor has no such instruction set; "
              "use %s, or unset it",
              forced, names);
    return NULL;
}

/* ---- memory ---- */

/* Memory that large matrices walk through wants large pages. */
static void *memory_allocate(struct device *device, size_t size, struct error *error) {
    (void)device;
    size_t alignment = size >= HUGE_PAGE ? HUGE_PAGE : 64;
    void *memory = NULL;
    if (size > (size_t)INT64_MAX - HUGE_PAGE ||
        posix_memalign(&memory, alignment, size > 0 ? size : 64) != 0) {
        error_set(error,
                  "no memory for an arena of %zu bytes on the CPU; use a smaller batch or "
                  "model",
                  size);
        return NULL;
    }
    if (size >= HUGE_PAGE)
        madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}

static void memory_release(struct device *device, void *memory, size_t size) {
    (void)device;
    (void)size;
    free(memory);
}

static void memory_fresh(struct device *device, void *memory, size_t size) {
    if (cpu_of(device)->poison)
        memset(memory, 0xff, size); /* NaN as f32 and as bf16, −1 as an integer */
}

/* What the kernel believes can still be had without swapping. */
static size_t memory_available(const struct device *device) {
    (void)device;
    size_t kibibytes = 0;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");
    if (file != NULL) {
        while (fgets(line, sizeof line, file) != NULL)
            if (strncmp(line, "MemAvailable:", 13) == 0)
                kibibytes = strtoull(line + 13, NULL, 10);
        fclose(file);
    }
    if (kibibytes > 0)
        return kibibytes * 1024;
    return (size_t)sysconf(_SC_AVPHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
}

/* The larger of what each use is for: partial sums, a widened panel, attention or products by
 * thread; a bias and a gain widened; logits. */
static size_t scratch_needed(const struct device *device, struct workload workload) {
    const struct cpu_kernels *kernels = ((const struct cpu_device *)device)->kernels;
    size_t widest = (size_t)workload.widest + 16;
    size_t thread = kernels->attention->scratch(workload.head_size, workload.longest) + 16;
    if (thread < (size_t)kernels->panels->room + 16)
        thread = (size_t)kernels->panels->room + 16;
    size_t work = 2 * widest * CPU_MOST_CHUNKS;
    if (work < thread * (size_t)device->threads)
        work = thread * (size_t)device->threads;
    if (workload.weights == DTYPE_BF16 && work < CPU_PANEL + widest)
        work = CPU_PANEL + widest;
    return sizeof(float) *
           (work + 2 * widest + cpu_loss_floats(workload.rows, workload.vocabulary));
}

float *cpu_scratch(struct device *device, enum scratch_use use, size_t floats) {
    struct cpu_device *cpu = cpu_of(device);
    float **scratch = &cpu->scratch[use];
    if (*scratch != NULL && floats <= cpu->scratch_size[use])
        return *scratch;
    struct error error;
    free(*scratch);
    *scratch = memory_allocate(device, floats * sizeof(float), &error);
    cpu->scratch_size[use] = *scratch != NULL ? floats : 0;
    if (*scratch == NULL)
        device_fail(device, "no memory for %zu floats of scratch; use a smaller batch", floats);
    return *scratch;
}

/* ---- threads ---- */

int cpu_team(const struct device *device, int64_t work) {
    int64_t worth = work / WORK_PER_THREAD;
    if (worth < 2)
        return 1;
    return worth < device->threads ? (int)worth : device->threads;
}

struct span cpu_part(int64_t count, int64_t parts, int64_t part, int64_t unit) {
    int64_t units = (count + unit - 1) / unit;
    int64_t first = units * part / parts * unit, end = units * (part + 1) / parts * unit;
    if (end > count)
        end = count;
    return (struct span){first, end - first};
}

/* ---- opening and closing ---- */

static void finish(struct device *device) {
    (void)device; /* operations are done when they return */
}

static void cpu_close(struct device *device) {
    for (int use = 0; use < SCRATCH_USES; use++)
        free(cpu_of(device)->scratch[use]);
    free(device);
}

static const struct device_operations cpu_operations = {
    .close = cpu_close,
    .finish = finish,
    .memory = memory_available,
    .scratch = scratch_needed,
    .allocate = memory_allocate,
    .release = memory_release,
    .fresh = memory_fresh,
    .upload = cpu_upload,
    .download = cpu_download,
    .zero = cpu_zero,
    .copy = cpu_copy,
    .matmul_forward = cpu_matmul_forward,
    .matmul_backward_input = cpu_matmul_backward_input,
    .matmul_backward_weight = cpu_matmul_backward_weight,
    .bias_backward = cpu_bias_backward,
    .embedding_forward = cpu_embedding_forward,
    .embedding_backward = cpu_embedding_backward,
    .rms_norm_forward = cpu_rms_norm_forward,
    .rms_norm_backward = cpu_rms_norm_backward,
    .layer_norm_forward = cpu_layer_norm_forward,
    .layer_norm_backward = cpu_layer_norm_backward,
    .head_norm_forward = cpu_head_norm_forward,
    .head_norm_backward = cpu_head_norm_backward,
    .rotary = cpu_rotary,
    .attention_forward = cpu_attention_forward,
    .attention_backward = cpu_attention_backward,
    .swiglu_forward = cpu_swiglu_forward,
    .swiglu_backward = cpu_swiglu_backward,
    .gelu_forward = cpu_gelu_forward,
    .gelu_backward = cpu_gelu_backward,
    .add_rows = cpu_add_rows,
    .mean_rows = cpu_mean_rows,
    .normalize_rows = cpu_normalize_rows,
    .gather_rows = cpu_gather_rows,
    .scatter_rows = cpu_scatter_rows,
    .cross_entropy = cpu_cross_entropy,
    .kl_divergence = cpu_kl_divergence,
    .sum_of_squares = cpu_sum_of_squares,
    .clip_factor = cpu_clip_factor,
    .adamw_update = cpu_adamw_update,
    .lion_update = cpu_lion_update,
    .cache_append = cpu_cache_append,
    .attention_cached = cpu_attention_cached,
    .choose_tokens = cpu_choose_tokens,
};

/* "cpu avx2, 2 threads, OpenBLAS 0.3.21 Zen" */
static void describe(struct cpu_device *cpu) {
    struct device *device = &cpu->device;
    char library[24] = "", version[24] = "";
    sscanf(openblas_get_config(), "%23s %23s", library, version);
    snprintf(device->name, sizeof device->name, "cpu");
    snprintf(device->description, sizeof device->description, "cpu %s, %d thread%s, %s %s %s",
             cpu->kernels->name, device->threads, device->threads == 1 ? "" : "s", library, version,
             openblas_get_corename());
}

struct device *cpu_device_open(int threads, struct error *error) {
    if (threads < 0 || threads > MOST_THREADS) {
        error_set(error, "device cpu: %d threads; use 1 to %d, or 0 for all cores", threads,
                  MOST_THREADS);
        return NULL;
    }
    const struct cpu_kernels *kernels = choose_kernels(error);
    if (kernels == NULL)
        return NULL;
    /* The threads are ours: each calls BLAS by itself, for its own part of a product. */
    int cores = omp_get_num_procs();
    openblas_set_num_threads(1);
    const char *poison = getenv("LOCKPICK_POISON");
    struct cpu_device *cpu = allocate(1, sizeof *cpu);
    cpu->device.operations = &cpu_operations;
    cpu->device.threads = threads > 0 ? threads : cores;
    cpu->kernels = kernels;
    cpu->poison = poison != NULL && *poison != 0;
    describe(cpu);
    return &cpu->device;
}
