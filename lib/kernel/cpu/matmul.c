/*
 * Matrix products: BLAS on one thread for each part of the rows (or of the columns, where those are
 * more), because the library's own threads do badly on the products of small models; own kernels
 * where there are so few rows that its packing would cost more than the product. Weights in bf16
 * are widened into scratch, a panel at a time.
 */
#include <cblas.h>
#include <string.h>

#include "kernel/cpu/cpu.h"

enum {
    /* Up to here own kernels beat sgemm (measured for widths of 128 to 1376). */
    FEW_ROWS_FORWARD = 24,
    FEW_ROWS_BACKWARD = 32,
    PANEL = 4 << 20, /* floats of a widened panel: 16 MiB */
    LEAST_PART = 32, /* rows of a part, so that sgemm still runs at speed */
};

/* Whether to cut along the first of two sizes: it has enough for all threads, or more. */
static bool cut_first(int64_t first, int64_t second, int threads) {
    return first >= (int64_t)threads * LEAST_PART || first >= second;
}

/*
 * Into how many parts: more than threads where parts stay large, so that a thread held up by a busy
 * neighbour takes fewer of them. The parts decide the bits of the result, who computes them does
 * not.
 */
static int part_count(int64_t size, int team) {
    enum { PARTS_PER_THREAD = 4, LARGE_PART = 256 };
    bool large = team > 1 && size >= (int64_t)team * PARTS_PER_THREAD * LARGE_PART;
    return large ? team * PARTS_PER_THREAD : team;
}

/* ---- widening ---- */

static int64_t panel_rows(struct tensor w) {
    int64_t rows = PANEL / (w.columns > 0 ? w.columns : 1);
    return rows < 1 ? 1 : rows > w.rows ? w.rows : rows;
}

/* Rows of a bf16 weight as f32 in `room`. */
static struct tensor widen_panel(struct device *device, struct tensor panel, float *room) {
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    int team = cpu_team(device, panel.rows * panel.columns * 8);
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int64_t i = 0; i < panel.rows; i++)
        rows->widen(room + i * panel.columns, (const uint16_t *)panel.data + i * panel.stride,
                    panel.columns);
    return (struct tensor){.data = room,
                           .type = DTYPE_F32,
                           .rows = panel.rows,
                           .columns = panel.columns,
                           .stride = panel.columns};
}

/* ---- y = x·wᵀ ---- */

/* Brings bias and addend into y; returns whether sgemm shall add to what is there. */
static bool prepare(const struct row_kernels *rows, struct tensor y, const float *bias,
                    struct tensor addend) {
    size_t size = (size_t)y.columns * sizeof(float);
    for (int64_t i = 0; i < y.rows && addend.data != NULL && addend.data != y.data; i++)
        memcpy(f32_row(y, i), f32_row(addend, i), size);
    for (int64_t i = 0; i < y.rows && bias != NULL; i++)
        if (addend.data != NULL)
            rows->add(f32_row(y, i), bias, y.columns);
        else
            memcpy(f32_row(y, i), bias, size);
    return addend.data != NULL || bias != NULL;
}

static void forward_part(const struct row_kernels *rows, struct tensor y, struct tensor x,
                         struct tensor w, const float *bias, struct tensor addend) {
    if (y.rows == 0 || y.columns == 0)
        return;
    bool adds = prepare(rows, y, bias, addend);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)y.rows, (int)y.columns,
                (int)x.columns, 1, x.data, (int)x.stride, w.data, (int)w.stride, adds ? 1 : 0,
                y.data, (int)y.stride);
}

/* A view of an operand that may be missing. */
static struct tensor part_of(struct tensor tensor, bool rows, struct span span) {
    if (tensor.data == NULL)
        return tensor;
    return rows ? tensor_rows(tensor, span.first, span.count)
                : tensor_columns(tensor, span.first, span.count);
}

static void forward_wide(struct device *device, struct tensor y, struct tensor x, struct tensor w,
                         const float *bias, struct tensor addend) {
    const struct row_kernels *rows = cpu_of(device)->kernels->rows;
    int team = cpu_team(device, 2 * y.rows * y.columns * x.columns);
    bool by_rows = cut_first(y.rows, y.columns, team);
    int parts = part_count(by_rows ? y.rows : y.columns, team);
#pragma omp parallel for num_threads(team) schedule(dynamic, 1) if (team > 1)
    for (int part = 0; part < parts; part++) {
        struct span span = cpu_part(by_rows ? y.rows : y.columns, parts, part, 8);
        forward_part(rows, part_of(y, by_rows, span), by_rows ? part_of(x, true, span) : x,
                     by_rows ? w : part_of(w, true, span),
                     bias != NULL && !by_rows ? bias + span.first : bias,
                     part_of(addend, by_rows, span));
    }
}

/* Few rows: every weight is read once, straight from where it lies. */
static void forward_narrow(struct device *device, struct tensor y, struct tensor x, struct tensor w,
                           const float *bias, struct tensor addend) {
    const struct product_kernels *products = cpu_of(device)->kernels->products;
    int team = cpu_team(device, 4 * y.rows * y.columns * x.columns);
    bool wide = w.type == DTYPE_F32;
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int part = 0; part < team; part++) {
        struct span span = cpu_part(y.columns, team, part, 4);
        struct tensor view = tensor_rows(w, span.first, span.count);
        products->narrow((float *)y.data + span.first, y.stride, x.data, x.stride, view.data,
                         w.stride, wide, bias != NULL ? bias + span.first : NULL,
                         addend.data != NULL ? (float *)addend.data + span.first : NULL,
                         addend.stride, y.rows, span.count, x.columns);
    }
}

void cpu_matmul_forward(struct device *device, struct tensor y, struct tensor x, struct tensor w,
                        struct tensor bias, struct tensor addend) {
    const float *biases = NULL;
    if (bias.data != NULL) {
        float *room = cpu_scratch(device, SCRATCH_VECTORS, (size_t)bias.columns);
        if (room == NULL)
            return;
        biases = cpu_gain(cpu_of(device), bias, room);
    }
    if (y.rows <= FEW_ROWS_FORWARD || x.columns == 0) {
        forward_narrow(device, y, x, w, biases, addend);
        return;
    }
    if (w.type == DTYPE_F32) {
        forward_wide(device, y, x, w, biases, addend);
        return;
    }
    int64_t step = panel_rows(w);
    float *room = cpu_scratch(device, SCRATCH_WORK, (size_t)step * (size_t)w.columns);
    for (int64_t first = 0; room != NULL && first < w.rows; first += step) {
        struct span span = {first, w.rows - first < step ? w.rows - first : step};
        struct tensor panel = widen_panel(device, tensor_rows(w, span.first, span.count), room);
        forward_wide(device, part_of(y, false, span), x, panel,
                     biases != NULL ? biases + span.first : NULL, part_of(addend, false, span));
    }
}

/* ---- dx = dy·w ---- */

static void input_part(struct device *device, struct tensor dx, struct tensor dy, struct tensor w,
                       bool accumulate) {
    if (dx.rows == 0 || dx.columns == 0)
        return;
    if (dx.rows <= FEW_ROWS_BACKWARD)
        cpu_of(device)->kernels->products->multiply(dx.data, dx.stride, dy.data, dy.stride, 1,
                                                    w.data, w.stride, dx.rows, dx.columns,
                                                    dy.columns, accumulate);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)dx.rows, (int)dx.columns,
                    (int)dy.columns, 1, dy.data, (int)dy.stride, w.data, (int)w.stride,
                    accumulate ? 1 : 0, dx.data, (int)dx.stride);
}

static void input_wide(struct device *device, struct tensor dx, struct tensor dy, struct tensor w,
                       bool accumulate) {
    int team = cpu_team(device, 2 * dx.rows * dx.columns * dy.columns);
    bool by_rows = cut_first(dx.rows, dx.columns, team);
    int parts = part_count(by_rows ? dx.rows : dx.columns, team);
#pragma omp parallel for num_threads(team) schedule(dynamic, 1) if (team > 1)
    for (int part = 0; part < parts; part++) {
        struct span span = cpu_part(by_rows ? dx.rows : dx.columns, parts, part, 8);
        input_part(device, part_of(dx, by_rows, span), by_rows ? part_of(dy, true, span) : dy,
                   by_rows ? w : part_of(w, false, span), accumulate);
    }
}

void cpu_matmul_backward_input(struct device *device, struct tensor dx, struct tensor dy,
                               struct tensor w, bool accumulate) {
    if (dy.columns == 0) {
        if (!accumulate)
            cpu_zero(device, dx);
        return;
    }
    if (w.type == DTYPE_F32) {
        input_wide(device, dx, dy, w, accumulate);
        return;
    }
    int64_t step = panel_rows(w);
    float *room = cpu_scratch(device, SCRATCH_WORK, (size_t)step * (size_t)w.columns);
    for (int64_t first = 0; room != NULL && first < w.rows; first += step) {
        struct span span = {first, w.rows - first < step ? w.rows - first : step};
        struct tensor panel = widen_panel(device, tensor_rows(w, span.first, span.count), room);
        input_wide(device, dx, part_of(dy, false, span), panel, accumulate || first > 0);
    }
}

/* ---- dw += dyᵀ·x ---- */

static void weight_part(struct device *device, struct tensor dw, struct tensor dy,
                        struct tensor x) {
    if (dw.rows == 0 || dw.columns == 0)
        return;
    if (dy.rows <= FEW_ROWS_BACKWARD)
        cpu_of(device)->kernels->products->multiply(dw.data, dw.stride, dy.data, 1, dy.stride,
                                                    x.data, x.stride, dw.rows, dw.columns, dy.rows,
                                                    true);
    else
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)dw.rows, (int)dw.columns,
                    (int)dy.rows, 1, dy.data, (int)dy.stride, x.data, (int)x.stride, 1, dw.data,
                    (int)dw.stride);
}

void cpu_matmul_backward_weight(struct device *device, struct tensor dw, struct tensor dy,
                                struct tensor x) {
    if (dy.rows == 0)
        return;
    int team = cpu_team(device, 2 * dw.rows * dw.columns * dy.rows);
    bool by_rows = cut_first(dw.rows, dw.columns, team);
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int part = 0; part < team; part++) {
        struct span span = cpu_part(by_rows ? dw.rows : dw.columns, team, part, 8);
        weight_part(device, part_of(dw, by_rows, span), by_rows ? part_of(dy, false, span) : dy,
                    by_rows ? x : part_of(x, false, span));
    }
}
