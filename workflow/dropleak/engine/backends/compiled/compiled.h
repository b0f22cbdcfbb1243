/* The attack on a CPU, one problem after the other, so that what a problem needs stays in the
 * processor's caches. REAL is defined by the compiler's command: float or double. */
#ifndef COMPILED_H
#define COMPILED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Vectors of GCC and Clang, for any processor. */
#define LANES (32 / (int)sizeof(REAL))
typedef REAL vector __attribute__((vector_size(32)));
typedef REAL unaligned __attribute__((vector_size(32), aligned(sizeof(REAL)), may_alias));

static inline vector load(const REAL *from) { return *(const unaligned *)from; }
static inline void store(REAL *to, vector value) { *(unaligned *)to = value; }
static inline vector broadcast(REAL value) { return value - (vector){}; }

static inline REAL sum(vector v) {
    REAL total = 0;
    for (int lane = 0; lane < LANES; lane++) total += v[lane];
    return total;
}

/* The inner product. */
static inline REAL dot(const REAL *a, const REAL *b, long size) {
    vector totals[4] = {{}};
    long i = 0;
    for (; i + 4 * LANES <= size; i += 4 * LANES)
        for (int part = 0; part < 4; part++)
            totals[part] += load(a + i + part * LANES) * load(b + i + part * LANES);
    REAL total = sum((totals[0] + totals[1]) + (totals[2] + totals[3]));
    for (; i < size; i++) total += a[i] * b[i];
    return total;
}

/* The largest magnitude, or NaN if a value is not finite. */
static inline REAL largest(const REAL *values, long size) {
    REAL found[LANES] = {0}, not_finite[LANES] = {0};
    for (long i = 0; i < size; i += LANES)
        for (int lane = 0; lane < LANES && i + lane < size; lane++) {
            REAL value = values[i + lane], magnitude = value < 0 ? -value : value;
            found[lane] = magnitude > found[lane] ? magnitude : found[lane];
            not_finite[lane] += value - value;
        }
    REAL result = 0;
    for (int lane = 0; lane < LANES; lane++) {
        result = found[lane] > result ? found[lane] : result;
        not_finite[0] += lane ? not_finite[lane] : 0;
    }
    return result + not_finite[0];
}

/* to += factor * from */
static inline void add(REAL *to, REAL factor, const REAL *from, long size) {
    for (long i = 0; i < size; i++) to[i] += factor * from[i];
}

/* Zeros that begin on a cache line; where memory runs out, the process ends with a message. */
static inline void *allocate(size_t count, size_t size) {
    size_t bytes = (count * size / 64 + 1) * 64;
    void *memory = aligned_alloc(64, bytes);
    if (!memory) {
        fprintf(stderr, "out of memory: the compiled attack needs another %zu bytes\n", bytes);
        abort();
    }
    return memset(memory, 0, bytes);
}

static inline REAL *zeros(size_t count) { return allocate(count, sizeof(REAL)); }

/* ---- convolution.c ---- */

/* A square convolution of [channels, height, width] to [outputs, rows, columns]. */
typedef struct {
    int channels, height, width, outputs, rows, columns, kernel, stride, padding;
} Geometry;

typedef struct Convolution Convolution;

Convolution *new_convolution(const Geometry *geometry);
void free_convolution(Convolution *convolution);

/* y = bias + x convolved with w [+ x2 convolved with w2, which may be null].
 * x, x2: [channels, height, width]; w, w2: [outputs, channels, kernel, kernel]; bias: [outputs];
 * y: [outputs, rows, columns]. */
void convolve(Convolution *convolution, const REAL *x, const REAL *w, const REAL *x2,
              const REAL *w2, const REAL *bias, REAL *y);

/* dx = the transpose of the convolution with w, applied to dy [+ that with w2, applied to dy2]. */
void convolve_transposed(Convolution *convolution, const REAL *dy, const REAL *w, const REAL *dy2,
                         const REAL *w2, REAL *dx);

/* dw = the gradient with respect to w. */
void weight_gradient(Convolution *convolution, const REAL *x, const REAL *dy, REAL *dw);

/* ---- priors.c ---- */

/* Total variation of a client's images, which are n times channels `planes`. */
typedef struct {
    long planes, height, width;
    double smoothing;
    const double *weight; /* of each client */
} Variation;

/* A client's value at x, times the weight; the gradient is added to what is there. */
REAL total_variation(const Variation *prior, int client, const REAL *x, REAL *gradient);

/* The loss of a problem at x, and its gradient. `evaluation` counts from 0 in each step. */
typedef REAL (*Objective)(void *context, int problem, int evaluation, const REAL *x,
                          REAL *gradient);

/* ---- line_search.c ---- */

/* A point on a line. */
typedef struct {
    REAL t, loss, slope; /* slope: of the loss along the line */
    REAL *gradient;      /* [size] */
} Point;

/* A problem's objective along x + t d; `trial` has room for a point, `spare` for the gradients of
 * three more. */
typedef struct {
    Objective objective;
    void *context;
    int problem, *evaluation;
    long size;
    const REAL *x, *direction;
    REAL *trial, *spare;
} Line;

/* A step that satisfies the strong Wolfe conditions, or the best one seen; see line_search.py.
 * `at` holds t = 0 before and the result after; t is the first step to try. */
void strong_wolfe(const Line *line, Point *at, REAL t, int limit, REAL narrow);

/* ---- lbfgs.c ---- */

/* What L-BFGS knows of B problems of N variables; see lbfgs.py. */
typedef struct {
    long batch, history, max_iter, size, line_search;
    double lr, tolerance_grad, tolerance_change;
    REAL *x, *move, *previous_gradient;        /* [B, N] */
    REAL *s, *y;                               /* [B, history, N], rings of pairs */
    REAL *curvature, *scale;                   /* [B, history], s . y; [B] */
    REAL *loss, *first_loss;                   /* [B], the latest, and at the step's start */
    int64_t *pairs;                            /* [B], how many were ever put into the rings */
    int64_t *outcome, *iterations, *evaluations;
    char *idle;
} Problems;

/* Up to max_iter iterations of each problem. */
void lbfgs_step(const Problems *problems, Objective objective, void *context);

#endif
