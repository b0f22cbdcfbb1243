/* The gradient matching objective. The four passes through a client's network are those of
 * dropleak/passes.py, in its notation, for one problem. */
#include <math.h>

#include "compiled.h"

typedef enum { CONVOLUTION, LINEAR, SIGMOID, DROPOUT } Kind;

typedef struct {
    int kind;
    Geometry geometry; /* of a layer that is no convolution: channels and outputs count features */
} Layer;

typedef struct {
    long layers, classes;
    long parameters, features; /* of a network; of its dropout layers */
    long masks;                /* of a problem: one for each evaluation, or one for all */
    const Layer *layer;        /* [layers] */
    const REAL *weights;       /* [B, parameters] */
    const REAL *shared;        /* [B, parameters], the gradients that were shared */
    const int64_t *labels;     /* [B] */
    const REAL *mask;          /* [B, masks, features] */
} Matching;

/* What the passes through a layer remember; the last entry has the logits. */
typedef struct {
    Convolution *convolution;
    long inputs, parameters; /* how many */
    const REAL *mask;
    REAL *x, *dx, *rx, *rdx; /* [inputs] */
} Place;

typedef struct {
    Place *places;       /* [layers + 1] */
    REAL *probabilities; /* [classes] */
    REAL *difference;    /* [parameters], between the gradients */
} Workspace;

static Workspace new_workspace(const Matching *m) {
    Workspace w = {calloc(m->layers + 1, sizeof(Place)), zeros(m->classes), zeros(m->parameters)};
    for (int l = 0; l <= m->layers; l++) {
        Place *at = &w.places[l];
        at->inputs = m->classes;
        if (l < m->layers) {
            const Geometry *g = &m->layer[l].geometry;
            int filter = g->channels * g->kernel * g->kernel;
            int affine = m->layer[l].kind == CONVOLUTION || m->layer[l].kind == LINEAR;
            at->inputs = (long)g->channels * g->height * g->width;
            at->parameters = affine ? (long)g->outputs * (filter + 1) : 0;
            if (m->layer[l].kind == CONVOLUTION) at->convolution = new_convolution(g);
        }
        at->x = zeros(at->inputs), at->dx = zeros(at->inputs);
        at->rx = zeros(at->inputs), at->rdx = zeros(at->inputs);
    }
    return w;
}

static void free_workspace(const Matching *m, Workspace *w) {
    for (int l = 0; l <= m->layers; l++) {
        Place *at = &w->places[l];
        if (at->convolution) free_convolution(at->convolution);
        free(at->x), free(at->dx), free(at->rx), free(at->rdx);
    }
    free(w->places), free(w->probabilities), free(w->difference);
}

/* y = W x + b [+ W2 x2] */
static void multiply(const REAL *w, const REAL *x, const REAL *w2, const REAL *x2, const REAL *bias,
                     REAL *y, long inputs, int outputs) {
    for (int o = 0; o < outputs; o++) {
        y[o] = bias[o] + dot(w + o * inputs, x, inputs);
        if (x2) y[o] += dot(w2 + o * inputs, x2, inputs);
    }
}

/* to = from times the derivative of a layer that works on every feature by itself. */
static void scale(Kind kind, const Place *at, const REAL *y, const REAL *from, REAL *to) {
    if (kind == SIGMOID)
        for (long i = 0; i < at->inputs; i++) to[i] = from[i] * y[i] * (1 - y[i]);
    else
        for (long i = 0; i < at->inputs; i++) to[i] = from[i] * at->mask[i];
}

static void forward(Kind kind, const Place *at, const REAL *w, int outputs, REAL *y) {
    const REAL *bias = w + at->parameters - outputs;
    switch (kind) {
    case CONVOLUTION: convolve(at->convolution, at->x, w, NULL, NULL, bias, y); break;
    case LINEAR: multiply(w, at->x, NULL, NULL, bias, y, at->inputs, outputs); break;
    case SIGMOID:
        for (long i = 0; i < at->inputs; i++)
            y[i] = 1 / (1 + (sizeof(REAL) == 4 ? expf(-at->x[i]) : exp(-at->x[i])));
        break;
    case DROPOUT:
        for (long i = 0; i < at->inputs; i++) y[i] = at->x[i] * at->mask[i];
    }
}

/* Gradients with respect to parameters and, if it is wanted, input. */
static void backward(Kind kind, const Place *at, const REAL *w, int outputs, const REAL *y,
                     const REAL *dy, REAL *dw, REAL *dx) {
    switch (kind) {
    case CONVOLUTION: {
        const Place *next = at + 1;
        long places = next->inputs / outputs;
        weight_gradient(at->convolution, at->x, dy, dw);
        REAL *bias = dw + at->parameters - outputs;
        for (int o = 0; o < outputs; o++) {
            bias[o] = 0;
            for (long p = 0; p < places; p++) bias[o] += dy[o * places + p];
        }
        if (dx) convolve_transposed(at->convolution, dy, w, NULL, NULL, dx);
        break;
    }
    case LINEAR:
        if (dx) memset(dx, 0, sizeof(REAL) * at->inputs);
        for (int o = 0; o < outputs; o++) {
            for (long i = 0; i < at->inputs; i++) dw[o * at->inputs + i] = dy[o] * at->x[i];
            if (dx) add(dx, dy[o], w + o * at->inputs, at->inputs);
            dw[at->parameters - outputs + o] = dy[o];
        }
        break;
    case SIGMOID:
    case DROPOUT: scale(kind, at, y, dy, dx);
    }
}

/* rw: the direction, in the layer's parameters; rx is null for the image. */
static void r_forward(Kind kind, const Place *at, const REAL *w, const REAL *rw, int outputs,
                      const REAL *rx, const REAL *y, REAL *ry) {
    const REAL *r_bias = rw + at->parameters - outputs;
    switch (kind) {
    case CONVOLUTION: convolve(at->convolution, at->x, rw, rx, w, r_bias, ry); break;
    case LINEAR: multiply(rw, at->x, w, rx, r_bias, ry, at->inputs, outputs); break;
    case SIGMOID:
    case DROPOUT: scale(kind, at, y, rx, ry);
    }
}

static void r_backward(Kind kind, const Place *at, const REAL *w, const REAL *rw, int outputs,
                       const REAL *y, const REAL *dy, const REAL *ry, const REAL *rdy, REAL *rdx) {
    switch (kind) {
    case CONVOLUTION: convolve_transposed(at->convolution, dy, rw, rdy, w, rdx); break;
    case LINEAR:
        memset(rdx, 0, sizeof(REAL) * at->inputs);
        for (int o = 0; o < outputs; o++) {
            add(rdx, dy[o], rw + o * at->inputs, at->inputs);
            add(rdx, rdy[o], w + o * at->inputs, at->inputs);
        }
        break;
    case SIGMOID: /* its second derivative is y (1 - y) (1 - 2 y), and ry = y (1 - y) rx */
        for (long i = 0; i < at->inputs; i++)
            rdx[i] = rdy[i] * y[i] * (1 - y[i]) + dy[i] * (1 - 2 * y[i]) * ry[i];
        break;
    case DROPOUT: scale(kind, at, y, rdy, rdx);
    }
}

static void softmax(const REAL *x, REAL *y, int size) {
    REAL largest = x[0], total = 0;
    for (int i = 1; i < size; i++) largest = x[i] > largest ? x[i] : largest;
    for (int i = 0; i < size; i++) total += y[i] = exp(x[i] - largest);
    for (int i = 0; i < size; i++) y[i] /= total;
}

typedef struct {
    const Matching *matching;
    Workspace *workspace;
} Context;

static REAL matching(void *context, int problem, int evaluation, const REAL *x, REAL *gradient) {
    const Matching *m = ((Context *)context)->matching;
    Workspace *space = ((Context *)context)->workspace;
    Place *places = space->places, *last = &places[m->layers];
    const Layer *layer = m->layer;
    const REAL *weights = m->weights + problem * m->parameters;
    const REAL *mask =
        m->mask + ((long)problem * m->masks + (m->masks > 1 ? evaluation : 0)) * m->features;
    REAL *p = space->probabilities, *difference = space->difference;

    memcpy(places[0].x, x, sizeof(REAL) * places[0].inputs);
    const REAL *w = weights;
    for (int l = 0; l < m->layers; l++) {
        Place *at = &places[l];
        if (layer[l].kind == DROPOUT) at->mask = mask, mask += at->inputs;
        forward(layer[l].kind, at, w, layer[l].geometry.outputs, places[l + 1].x);
        w += at->parameters;
    }
    softmax(last->x, p, m->classes);
    for (int c = 0; c < m->classes; c++) last->dx[c] = p[c] - (c == m->labels[problem]);
    REAL *dw = difference + m->parameters;
    for (int l = m->layers - 1; l >= 0; l--) {
        Place *at = &places[l], *next = &places[l + 1];
        w -= at->parameters, dw -= at->parameters;
        backward(layer[l].kind, at, w, layer[l].geometry.outputs, next->x, next->dx, dw,
                 l ? at->dx : NULL);
    }

    add(difference, -1, m->shared + problem * m->parameters, m->parameters);
    REAL loss = dot(difference, difference, m->parameters);

    const REAL *rw = difference;
    for (int l = 0; l < m->layers; l++) {
        Place *at = &places[l], *next = &places[l + 1];
        r_forward(layer[l].kind, at, w, rw, layer[l].geometry.outputs, l ? at->rx : NULL, next->x,
                  next->rx);
        w += at->parameters, rw += at->parameters;
    }
    REAL mean = dot(p, last->rx, m->classes);
    for (int c = 0; c < m->classes; c++) last->rdx[c] = p[c] * (last->rx[c] - mean);
    for (int l = m->layers - 1; l >= 0; l--) {
        Place *at = &places[l], *next = &places[l + 1];
        w -= at->parameters, rw -= at->parameters;
        r_backward(layer[l].kind, at, w, rw, layer[l].geometry.outputs, next->x, next->dx, next->rx,
                   next->rdx, at->rdx);
    }
    for (long i = 0; i < places[0].inputs; i++) gradient[i] = 2 * places[0].rdx[i];
    return loss;
}

/* Losses [B] and gradients [B, inputs] at x. */
void matching_evaluate(int batch, const Matching *m, const REAL *x, REAL *loss, REAL *gradient) {
    Workspace workspace = new_workspace(m);
    Context context = {m, &workspace};
    long inputs = workspace.places[0].inputs;
    for (int b = 0; b < batch; b++)
        loss[b] = matching(&context, b, 0, x + b * inputs, gradient + b * inputs);
    free_workspace(m, &workspace);
}

/* A step of the optimiser with this objective. */
void matching_step(const Problems *problems, const Matching *m) {
    Workspace workspace = new_workspace(m);
    Context context = {m, &workspace};
    lbfgs_step(problems, matching, &context);
    free_workspace(m, &workspace);
}
