/*
 * Matrix products: which kernel, and which thread does which part. Few rows of x against w go
 * through dot products that read every weight once, straight from where it lies; everything else
 * through panels. Where the instruction set's panels are no faster than BLAS (the baseline), large
 * products are sgemm's, on one thread for each part, and weights in bf16 are widened into scratch
 * before.
 *
 * With panels and with few rows a row's result does not depend on how many rows there are, as long
 * as both counts lie on the same side of the limit between the two, nor on the number of threads.
 */
#include <cblas.h>
#include <omp.h>
#include <string.h>

#include "kernel/cpu/cpu.h"

enum {
    /* Up to here dot products beat panels: their sums across lanes cost little in long rows. */
    FEW_ROWS_LONG = 40,
    FEW_ROWS_SHORT = 8,
    LONG_ROW = 512,
    /* Up to here own kernels beat sgemm (measured for widths of 128 to 1376). */
    FEW_ROWS_FORWARD = 24,
    FEW_ROWS_BACKWARD = 32,
    SMALL_FACTOR = 1 << 18, /* floats that the second cache holds */
    LEAST_PART = 32,        /* rows of a part, so that sgemm still runs at speed */
};

/* ---- panels ---- */

/* The part of a product that makes rows × columns of its result. */
static struct panel_product panel_part(struct panel_product p, struct span rows,
                                       struct span columns) {
    int64_t size = p.wide ? 4 : 2, step = p.transposed ? p.b_stride : 1;
    p.c += rows.first * p.c_stride + columns.first;
    p.a += rows.first * p.a_row;
    p.b = (const uint8_t *)p.b + columns.first * step * size;
    if (p.bias != NULL)
        p.bias += columns.first;
    if (p.addend != NULL)
        p.addend += rows.first * p.addend_stride + columns.first;
    p.m = rows.count;
    p.n = columns.count;
    return p;
}

/*
 * Blocks of rows whose part of the first factor stays in the second cache, times runs of columns:
 * smaller ones where there would be too few for all threads. K ≥ 1.
 */
static void multiply_panels(struct device *device, const struct panel_product *product) {
    enum { MOST_RUN = 512, TASKS_PER_THREAD = 4 };
    const struct panel_kernels *kernels = cpu_of(device)->kernels->panels;
    int64_t width = kernels->width, m = product->m, n = product->n, run = MOST_RUN;
    int team = cpu_team(device, 2 * m * n * product->k);
    int64_t blocks = (m + PANEL_ROWS - 1) / PANEL_ROWS, runs;
    while ((runs = (n + run - 1) / run) * blocks < (int64_t)team * TASKS_PER_THREAD && team > 1 &&
           run > 2 * width)
        run /= 2;
    while (runs * blocks < (int64_t)team * TASKS_PER_THREAD && team > 1 && m / blocks > 96)
        blocks++;
    size_t size = (size_t)(kernels->room + 15) / 16 * 16;
    float *room = cpu_scratch(device, SCRATCH_WORK, size * (size_t)team);
    if (room == NULL)
        return;
#pragma omp parallel for num_threads(team) schedule(dynamic, 1) if (team > 1)
    for (int64_t task = 0; task < blocks * runs; task++) {
        struct span rows = cpu_part(m, blocks, task / runs, 1);
        struct span columns = {task % runs * run, run};
        columns.count = n - columns.first < run ? n - columns.first : run;
        struct panel_product part = panel_part(*product, rows, columns);
        kernels->multiply(&part, room + size * (size_t)omp_get_thread_num());
    }
}

/* Whether a product of the backward pass with so few rows is better left in place: [inner, columns]
 * of the second factor. */
static bool in_place(int64_t rows, int64_t inner, int64_t columns) {
    return rows <= FEW_ROWS_BACKWARD && inner * columns <= SMALL_FACTOR;
}

/* ---- parts for BLAS ---- */

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
    int64_t rows = CPU_PANEL / (w.columns > 0 ? w.columns : 1);
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

/* Up to how many rows a product goes through dot products. */
static int64_t few_rows(bool fast, int64_t columns) {
    if (!fast)
        return FEW_ROWS_FORWARD;
    return columns >= LONG_ROW ? FEW_ROWS_LONG : FEW_ROWS_SHORT;
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
    bool fast = cpu_of(device)->kernels->panels->fast;
    if (y.rows <= few_rows(fast, x.columns) || x.columns == 0) {
        forward_narrow(device, y, x, w, biases, addend);
        return;
    }
    if (fast) {
        multiply_panels(device, &(struct panel_product){
                                    .c = y.data,
                                    .a = x.data,
                                    .b = w.data,
                                    .bias = biases,
                                    .addend = addend.data,
                                    .c_stride = y.stride,
                                    .a_row = x.stride,
                                    .a_step = 1,
                                    .b_stride = w.stride,
                                    .addend_stride = addend.stride,
                                    .m = y.rows,
                                    .n = y.columns,
                                    .k = x.columns,
                                    .transposed = true,
                                    .wide = w.type == DTYPE_F32,
                                });
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
    bool small = w.type == DTYPE_F32 && in_place(dx.rows, w.rows, w.columns);
    if (cpu_of(device)->kernels->panels->fast && !small) {
        multiply_panels(device, &(struct panel_product){
                                    .c = dx.data,
                                    .a = dy.data,
                                    .b = w.data,
                                    .addend = accumulate ? dx.data : NULL,
                                    .c_stride = dx.stride,
                                    .a_row = dy.stride,
                                    .a_step = 1,
                                    .b_stride = w.stride,
                                    .addend_stride = dx.stride,
                                    .m = dx.rows,
                                    .n = dx.columns,
                                    .k = dy.columns,
                                    .wide = w.type == DTYPE_F32,
                                });
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

/* ---- dw = dyᵀ·x ---- */

static void weight_part(struct device *device, struct tensor dw, struct tensor dy, struct tensor x,
                        bool accumulate) {
    if (dw.rows == 0 || dw.columns == 0)
        return;
    if (dy.rows <= FEW_ROWS_BACKWARD)
        cpu_of(device)->kernels->products->multiply(dw.data, dw.stride, dy.data, 1, dy.stride,
                                                    x.data, x.stride, dw.rows, dw.columns, dy.rows,
                                                    accumulate);
    else
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)dw.rows, (int)dw.columns,
                    (int)dy.rows, 1, dy.data, (int)dy.stride, x.data, (int)x.stride,
                    accumulate ? 1 : 0, dw.data, (int)dw.stride);
}

void cpu_matmul_backward_weight(struct device *device, struct tensor dw, struct tensor dy,
                                struct tensor x, bool accumulate) {
    if (dy.rows == 0) {
        if (!accumulate)
            cpu_zero(device, dw);
        return;
    }
    if (cpu_of(device)->kernels->panels->fast && !in_place(dy.rows, x.rows, x.columns)) {
        multiply_panels(device, &(struct panel_product){
                                    .c = dw.data,
                                    .a = dy.data,
                                    .b = x.data,
                                    .addend = accumulate ? dw.data : NULL,
                                    .c_stride = dw.stride,
                                    .a_row = 1,
                                    .a_step = dy.stride,
                                    .b_stride = x.stride,
                                    .addend_stride = dw.stride,
                                    .m = dw.rows,
                                    .n = dw.columns,
                                    .k = dy.rows,
                                    .wide = true,
                                });
        return;
    }
    int team = cpu_team(device, 2 * dw.rows * dw.columns * dy.rows);
    bool by_rows = cut_first(dw.rows, dw.columns, team);
#pragma omp parallel for num_threads(team) schedule(static) if (team > 1)
    for (int part = 0; part < team; part++) {
        struct span span = cpu_part(by_rows ? dw.rows : dw.columns, team, part, 8);
        weight_part(device, part_of(dw, by_rows, span), by_rows ? part_of(dy, false, span) : dy,
                    by_rows ? x : part_of(x, false, span), accumulate);
    }
}
