/* Convolutions. Vectors run along the columns of an image. To read whole vectors everywhere, an
 * input is copied into planes with a border of zeros; for a stride above 1 there is a plane for each
 * residue of row and column, so that what a kernel element touches in neighbouring outputs is
 * contiguous. A "tap" is one kernel element of one channel: its offset in the planes and in the
 * weights. */
#include "compiled.h"

#define TILE_CHANNELS 2 /* with TILE_ROWS: enough sums at once to keep the arithmetic busy */
#define TILE_ROWS 4
#define TILE_TAPS 5

static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline int ceil_div(int n, int by) { return (n + by - 1) / by; }
static inline int round_up(int n, int unit) { return ceil_div(n, unit) * unit; }

/* ---- Planes ------------------------------------------------------------------------------- */

typedef struct {
    int channels, stride, rows, columns; /* of one plane */
    int before;                          /* zeros before the first row and column of the image */
    REAL *values;                        /* [channels, stride, stride, rows, columns] */
} Planes;

static Planes new_planes(int channels, int stride, int rows, int columns, int before) {
    Planes planes = {channels, stride, rows, columns, before, NULL};
    planes.values = zeros((size_t)channels * stride * stride * rows * columns);
    return planes;
}

static void free_planes(Planes *planes) { free(planes->values); }

static inline int plane_offset(const Planes *planes, int channel, int row, int column) {
    int s = planes->stride;
    int plane = (channel * s + row % s) * s + column % s;
    return (plane * planes->rows + row / s) * planes->columns + column / s;
}

static inline __attribute__((always_inline)) void fill_with_stride(
    Planes *planes, const REAL *image, int height, int width, int s) {
    int rows = min(height, planes->rows * s - planes->before);
    for (int channel = 0; channel < planes->channels; channel++)
        for (int row = 0; row < rows; row++) {
            const REAL *from = image + ((size_t)channel * height + row) * width;
            for (int first = 0; first < s && first < width; first++) {
                int column = planes->before + first;
                REAL *to = planes->values +
                           plane_offset(planes, channel, planes->before + row, column);
                int count = min(ceil_div(width - first, s), planes->columns - column / s);
                for (int i = 0; i < count; i++) to[i] = from[first + i * s];
            }
        }
}

/* Put [channels, height, width] into the planes; their borders stay zero. */
static void fill(Planes *planes, const REAL *image, int height, int width) {
    if (planes->stride == 1) fill_with_stride(planes, image, height, width, 1);
    else if (planes->stride == 2) fill_with_stride(planes, image, height, width, 2);
    else fill_with_stride(planes, image, height, width, planes->stride);
}

/* ---- Correlation -------------------------------------------------------------------------- */

typedef struct {
    int count;
    int *input, *weight; /* offsets */
} Taps;

static Taps new_taps(int count) {
    Taps taps = {0, allocate(count, sizeof(int)), allocate(count, sizeof(int))};
    return taps;
}

static void add_tap(Taps *taps, int input, int weight) {
    taps->input[taps->count] = input;
    taps->weight[taps->count++] = weight;
}

static void free_taps(Taps *taps) { free(taps->input), free(taps->weight); }

/* y[o, i, j] = bias[o] + sum over terms and taps of weight[o, tap] * input[tap + (i, j)].
 * y has rows and columns rounded up to whole tiles; weight_stride is from one o to the next. */
static void correlate(
    int terms, const Planes *inputs, const REAL *const *weights, int weight_stride,
    const Taps *taps, const REAL *bias, REAL *y, int outputs, int rows, int columns) {
    for (int o = 0; o < outputs; o += TILE_CHANNELS)
        for (int i = 0; i < rows; i += TILE_ROWS)
            for (int j = 0; j < columns; j += LANES) {
                vector tile[TILE_CHANNELS][TILE_ROWS];
                for (int c = 0; c < TILE_CHANNELS; c++)
                    for (int r = 0; r < TILE_ROWS; r++)
                        tile[c][r] = broadcast(bias ? bias[min(o + c, outputs - 1)] : 0);
                for (int term = 0; term < terms; term++) {
                    int row = inputs[term].columns;
                    const REAL *x = inputs[term].values + i * row + j;
                    const REAL *w[TILE_CHANNELS];
                    for (int c = 0; c < TILE_CHANNELS; c++)
                        w[c] = weights[term] + (size_t)min(o + c, outputs - 1) * weight_stride;
                    for (int tap = 0; tap < taps->count; tap++) {
                        const REAL *at = x + taps->input[tap];
                        vector value[TILE_ROWS];
                        for (int r = 0; r < TILE_ROWS; r++) value[r] = load(at + r * row);
                        for (int c = 0; c < TILE_CHANNELS; c++) {
                            vector factor = broadcast(w[c][taps->weight[tap]]);
                            for (int r = 0; r < TILE_ROWS; r++)
                                tile[c][r] += factor * value[r];
                        }
                    }
                }
                for (int c = 0; c < TILE_CHANNELS && o + c < outputs; c++)
                    for (int r = 0; r < TILE_ROWS; r++)
                        store(y + ((size_t)(o + c) * rows + i + r) * columns + j, tile[c][r]);
            }
}

static Taps taps_of_input(const Geometry *g, const Planes *planes) {
    Taps taps = new_taps(g->channels * g->kernel * g->kernel);
    for (int c = 0; c < g->channels; c++)
        for (int i = 0; i < g->kernel; i++)
            for (int j = 0; j < g->kernel; j++)
                add_tap(&taps, plane_offset(planes, c, i, j), taps.count);
    return taps;
}

/* ---- Convolution -------------------------------------------------------------------------- */

struct Convolution {
    Geometry g;
    /* convolve */
    int rows, columns; /* of the outputs, in whole tiles */
    Planes inputs[2];
    Taps taps;
    REAL *outputs;
    /* convolve_transposed */
    int height, width; /* of the pixels of one residue, in whole tiles */
    Planes gradients[2];
    Taps *phases; /* for each residue of row and column */
    REAL *pixels;
    /* weight_gradient */
    int lanes; /* outputs, in whole pairs of vectors */
    int *places; /* where the windows begin in the padded input */
    Planes padded;
    Taps padded_taps;
    REAL *turned, *sums;
};

/* Taps of the transpose for the pixels of one residue: every stride-th kernel element, backwards. */
static Taps taps_of_phase(const Convolution *c, int row, int column, int before) {
    const Geometry *g = &c->g;
    int s = g->stride, area = g->kernel * g->kernel;
    Taps taps = new_taps(g->outputs * area);
    for (int o = 0; o < g->outputs; o++)
        for (int i = (row + g->padding) % s; i < g->kernel; i += s)
            for (int j = (column + g->padding) % s; j < g->kernel; j += s)
                /* Kernel row i carries output row (row + padding - i) / s to this row. */
                add_tap(&taps,
                        plane_offset(&c->gradients[0], o, before + (row + g->padding - i) / s,
                                     before + (column + g->padding - j) / s),
                        o * g->channels * area + i * g->kernel + j);
    return taps;
}

Convolution *new_convolution(const Geometry *geometry) {
    Convolution *c = allocate(1, sizeof(Convolution));
    const Geometry *g = &c->g;
    int s = geometry->stride;
    c->g = *geometry;

    c->rows = round_up(g->rows, TILE_ROWS), c->columns = round_up(g->columns, LANES);
    int reach = (g->kernel - 1) / s;
    for (int term = 0; term < 2; term++)
        c->inputs[term] =
            new_planes(g->channels, s, c->rows + reach, c->columns + reach, g->padding);
    c->taps = taps_of_input(g, &c->inputs[0]);
    c->outputs = zeros((size_t)g->outputs * c->rows * c->columns);

    c->height = round_up(ceil_div(g->height, s), TILE_ROWS);
    c->width = round_up(ceil_div(g->width, s), LANES);
    int before = ceil_div(max(g->kernel - 1 - g->padding, 0), s);
    reach = before + (s - 1 + g->padding) / s;
    for (int term = 0; term < 2; term++)
        c->gradients[term] =
            new_planes(g->outputs, 1, c->height + reach, c->width + reach, before);
    c->phases = allocate(s * s, sizeof(Taps));
    for (int phase = 0; phase < s * s; phase++)
        c->phases[phase] = taps_of_phase(c, phase / s, phase % s, before);
    c->pixels = zeros((size_t)g->channels * c->height * c->width);

    int places = g->rows * g->columns;
    c->lanes = round_up(g->outputs, 2 * LANES);
    c->padded = new_planes(
        g->channels, 1, g->height + 2 * g->padding, g->width + 2 * g->padding, g->padding);
    c->padded_taps = taps_of_input(g, &c->padded);
    c->places = allocate(places, sizeof(int));
    for (int p = 0; p < places; p++)
        c->places[p] = s * (p / g->columns * c->padded.columns + p % g->columns);
    c->turned = zeros((size_t)places * c->lanes);
    c->sums = zeros((size_t)round_up(c->taps.count, TILE_TAPS) * c->lanes);
    return c;
}

void free_convolution(Convolution *c) {
    for (int term = 0; term < 2; term++)
        free_planes(&c->inputs[term]), free_planes(&c->gradients[term]);
    for (int phase = 0; phase < c->g.stride * c->g.stride; phase++) free_taps(&c->phases[phase]);
    free_planes(&c->padded), free_taps(&c->taps), free_taps(&c->padded_taps);
    free(c->outputs), free(c->phases), free(c->pixels), free(c->places), free(c->turned);
    free(c->sums), free(c);
}

void convolve(Convolution *c, const REAL *x, const REAL *w, const REAL *x2, const REAL *w2,
              const REAL *bias, REAL *y) {
    const Geometry *g = &c->g;
    const REAL *weights[2] = {w, w2};
    fill(&c->inputs[0], x, g->height, g->width);
    if (x2) fill(&c->inputs[1], x2, g->height, g->width);
    correlate(x2 ? 2 : 1, c->inputs, weights, c->taps.count, &c->taps, bias, c->outputs, g->outputs,
              c->rows, c->columns);
    for (int o = 0; o < g->outputs; o++)
        for (int i = 0; i < g->rows; i++, y += g->columns)
            memcpy(y, c->outputs + ((size_t)o * c->rows + i) * c->columns,
                   sizeof(REAL) * g->columns);
}

void convolve_transposed(Convolution *c, const REAL *dy, const REAL *w, const REAL *dy2,
                         const REAL *w2, REAL *dx) {
    const Geometry *g = &c->g;
    const REAL *weights[2] = {w, w2};
    int s = g->stride;
    fill(&c->gradients[0], dy, g->rows, g->columns);
    if (dy2) fill(&c->gradients[1], dy2, g->rows, g->columns);
    for (int phase = 0; phase < s * s; phase++) {
        correlate(dy2 ? 2 : 1, c->gradients, weights, g->kernel * g->kernel, &c->phases[phase],
                  NULL, c->pixels, g->channels, c->height, c->width);
        for (int channel = 0; channel < g->channels; channel++)
            for (int i = phase / s; i < g->height; i += s) {
                const REAL *from = c->pixels + ((size_t)channel * c->height + i / s) * c->width;
                REAL *to = dx + ((size_t)channel * g->height + i) * g->width;
                for (int j = phase % s; j < g->width; j += s) to[j] = *from++;
            }
    }
}

/* Vectors run along the outputs here, so that no sum is across a vector. */
void weight_gradient(Convolution *c, const REAL *x, const REAL *dy, REAL *dw) {
    const Geometry *g = &c->g;
    const Taps *taps = &c->padded_taps;
    int places = g->rows * g->columns;
    fill(&c->padded, x, g->height, g->width);
    for (int o = 0; o < g->outputs; o++)
        for (int p = 0; p < places; p++) c->turned[p * c->lanes + o] = *dy++;
    for (int tap = 0; tap < taps->count; tap += TILE_TAPS) {
        const REAL *in[TILE_TAPS];
        for (int t = 0; t < TILE_TAPS; t++)
            in[t] = c->padded.values + taps->input[min(tap + t, taps->count - 1)];
        for (int o = 0; o < c->lanes; o += 2 * LANES) {
            vector tile[TILE_TAPS][2] = {{{}}};
            for (int p = 0; p < places; p++) {
                const REAL *gradient = c->turned + p * c->lanes + o;
                vector low = load(gradient), high = load(gradient + LANES);
                for (int t = 0; t < TILE_TAPS; t++) {
                    vector value = broadcast(in[t][c->places[p]]);
                    tile[t][0] += value * low;
                    tile[t][1] += value * high;
                }
            }
            for (int t = 0; t < TILE_TAPS; t++)
                for (int half = 0; half < 2; half++)
                    store(c->sums + (tap + t) * c->lanes + o + half * LANES, tile[t][half]);
        }
    }
    for (int o = 0; o < g->outputs; o++)
        for (int tap = 0; tap < taps->count; tap++) *dw++ = c->sums[tap * c->lanes + o];
}
