/* The gradient matching objective. The four passes through a client's network are
 * those of dropleak/engine/models/layers.py, in its notation, for one client. */
#include <math.h>

#include "compiled.h"

typedef enum { CONVOLUTION, LINEAR, SIGMOID, RELU, DROPOUT } Kind; /* as in structures.py */

typedef struct {
    int kind;
    Geometry geometry; /* of a layer that is no convolution: channels and outputs count features */
} Layer;

typedef struct {
    long layers, classes;
    long parameters, features; /* of a network; of its dropout layers */
    long masks;                /* of an image: one for each evaluation, or one for all */
    long images;               /* n, of a client */
    long cosine;               /* the distance: cosine, or squared Euclidean */
    double feature_weight;     /* of the mean square of differences of features */
    double mask_scale;         /* by which masks that are optimised are multiplied */
    const Layer *layer;        /* [layers] */
    const REAL *weights;       /* [B, parameters] */
    const REAL *scale;         /* [B, parameters], by which gradients are multiplied, or null */
    const REAL *shared;        /* [B, parameters], the gradients that were shared, scaled */
    const REAL *known;         /* [B, n, d], inputs of the classifier or NaN, or null */
    const int64_t *labels;     /* [B, n], or null if soft labels are optimised */
    const REAL *mask;          /* [B, n, masks, features], or null if masks are optimised */
} Matching;

/* What the passes of an image through a layer remember; the last entry has the logits. */
typedef struct {
    Convolution *convolution;
    long inputs, parameters; /* how many */
    const REAL *mask;
    REAL *x, *dx, *rx, *rdx; /* [inputs] */
} Place;

/* What the passes of an image remember. */
typedef struct {
    Place *places;                 /* [layers + 1] */
    REAL *probabilities, *targets; /* [classes] */
    REAL *mask;                    /* [features] */
} Passes;

typedef struct {
    Passes *passes;   /* [n] */
    REAL *difference; /* [parameters], dummy gradients, then the derivative of the distance */
    REAL *gradient;   /* [parameters], of one image */
} Workspace;

static Passes new_passes(const Matching *m) {
    Passes passes = {allocate(m->layers + 1, sizeof(Place)), zeros(m->classes), zeros(m->classes),
                     zeros(m->features)};
    for (int l = 0; l <= m->layers; l++) {
        Place *at = &passes.places[l];
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
    return passes;
}

static void free_passes(const Matching *m, Passes *passes) {
    for (int l = 0; l <= m->layers; l++) {
        Place *at = &passes->places[l];
        if (at->convolution) free_convolution(at->convolution);
        free(at->x), free(at->dx), free(at->rx), free(at->rdx);
    }
    free(passes->places), free(passes->probabilities), free(passes->targets);
    free(passes->mask);
}

static Workspace new_workspace(const Matching *m) {
    Workspace w = {allocate(m->images, sizeof(Passes)), zeros(m->parameters), zeros(m->parameters)};
    for (int i = 0; i < m->images; i++) w.passes[i] = new_passes(m);
    return w;
}

static void free_workspace(const Matching *m, Workspace *w) {
    for (int i = 0; i < m->images; i++) free_passes(m, &w->passes[i]);
    free(w->passes), free(w->difference), free(w->gradient);
}

static void multiply_by(REAL *to, const REAL *factors, long size) {
    for (long i = 0; i < size; i++) to[i] *= factors[i];
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
    else if (kind == RELU)
        for (long i = 0; i < at->inputs; i++) to[i] = y[i] > 0 ? from[i] : 0;
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
    case RELU:
        for (long i = 0; i < at->inputs; i++) y[i] = at->x[i] > 0 ? at->x[i] : 0;
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
    case RELU:
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
    case RELU:
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
    case RELU:
    case DROPOUT: scale(kind, at, y, rdy, rdx);
    }
}

static void softmax(const REAL *x, REAL *y, int size) {
    REAL largest = x[0], total = 0;
    for (int i = 1; i < size; i++) largest = x[i] > largest ? x[i] : largest;
    for (int i = 0; i < size; i++) total += y[i] = exp(x[i] - largest);
    for (int i = 0; i < size; i++) y[i] /= total;
}

/* The gradients of one image's share in the mean cross-entropy. */
static void image_gradients(const Matching *m, Passes *passes, const REAL *weights,
                            const REAL *mask, REAL *gradient) {
    Place *places = passes->places, *last = &places[m->layers];
    const Layer *layer = m->layer;
    const REAL *w = weights;
    for (int l = 0; l < m->layers; l++) {
        Place *at = &places[l];
        if (layer[l].kind == DROPOUT) at->mask = mask, mask += at->inputs;
        forward(layer[l].kind, at, w, layer[l].geometry.outputs, places[l + 1].x);
        w += at->parameters;
    }
    softmax(last->x, passes->probabilities, m->classes);
    for (int c = 0; c < m->classes; c++)
        last->dx[c] = (passes->probabilities[c] - passes->targets[c]) / m->images;
    REAL *dw = gradient + m->parameters;
    for (int l = m->layers - 1; l >= 0; l--) {
        Place *at = &places[l], *next = &places[l + 1];
        w -= at->parameters, dw -= at->parameters;
        backward(layer[l].kind, at, w, layer[l].geometry.outputs, next->x, next->dx, dw,
                 l ? at->dx : NULL);
    }
}

/* The distance of an image's features from what is known of them. To rdx, their entry among the
 * derivatives in a direction, its gradient is added as a multiple of `factor`. */
static REAL feature_distance(const Matching *m, const Place *features, const REAL *known,
                             REAL factor) {
    REAL total = 0, share = m->feature_weight / (m->images * features->inputs);
    for (long i = 0; i < features->inputs; i++) {
        REAL difference = known[i] == known[i] ? features->x[i] - known[i] : 0;
        total += difference * difference;
        features->rdx[i] += 2 * share / factor * difference;
    }
    return share * total;
}

/* The R-passes of an image in a direction of the parameters, which `factor` completes; leaves the
 * logits' rx centred. Returns the distance of features from those known. */
static REAL image_derivatives(const Matching *m, Passes *passes, const REAL *weights,
                              const REAL *direction, const REAL *known, REAL factor) {
    Place *places = passes->places, *last = &places[m->layers];
    const Layer *layer = m->layer;
    const REAL *w = weights, *rw = direction, *p = passes->probabilities;
    REAL extra = 0;
    for (int l = 0; l < m->layers; l++) {
        Place *at = &places[l], *next = &places[l + 1];
        r_forward(layer[l].kind, at, w, rw, layer[l].geometry.outputs, l ? at->rx : NULL, next->x,
                  next->rx);
        w += at->parameters, rw += at->parameters;
    }
    REAL mean = dot(p, last->rx, m->classes);
    for (int c = 0; c < m->classes; c++) {
        last->rx[c] = (last->rx[c] - mean) / m->images;
        last->rdx[c] = p[c] * last->rx[c];
    }
    for (int l = m->layers - 1; l >= 0; l--) {
        Place *at = &places[l], *next = &places[l + 1];
        w -= at->parameters, rw -= at->parameters;
        r_backward(layer[l].kind, at, w, rw, layer[l].geometry.outputs, next->x, next->dx, next->rx,
                   next->rdx, at->rdx);
        if (known && l == m->layers - 1) extra = feature_distance(m, at, known, factor);
    }
    return extra;
}

/* The distance of gradients, scaled, from the shared ones; they become a multiple of its derivative,
 * which `factor` completes. */
static REAL distance(const Matching *m, REAL *gradients, int client, REAL *factor) {
    long size = m->parameters;
    const REAL *shared = m->shared + client * size;
    if (!m->cosine) {
        add(gradients, -1, shared, size);
        *factor = 2;
        return dot(gradients, gradients, size);
    }
    REAL length = fmax(sqrt(dot(gradients, gradients, size)), 1e-20);
    REAL aim = fmax(sqrt(dot(shared, shared, size)), 1e-20);
    REAL similarity = dot(gradients, shared, size) / length / aim;
    for (long i = 0; i < size; i++)
        gradients[i] = similarity * (gradients[i] / length) - shared[i] / aim;
    *factor = 1 / length;
    return 1 - similarity;
}

typedef struct {
    const Matching *matching;
    const Variation *prior;
    Workspace *workspace;
} Context;

/* `x` and `gradient` are rows as in variables.py. */
static REAL matching(void *context, int client, int evaluation, const REAL *x, REAL *gradient) {
    const Matching *m = ((Context *)context)->matching;
    Workspace *space = ((Context *)context)->workspace;
    const REAL *weights = m->weights + client * m->parameters;
    long n = m->images, pixels = space->passes->places[0].inputs, masks = m->mask ? 0 : m->features;

    for (int i = 0; i < n; i++) {
        Passes *passes = &space->passes[i];
        long image = client * n + i;
        memcpy(passes->places[0].x, x + i * pixels, sizeof(REAL) * pixels);
        const REAL *mask = passes->mask;
        if (m->mask)
            mask = m->mask + (image * m->masks + (m->masks > 1 ? evaluation : 0)) * m->features;
        const REAL *from = x + n * pixels;
        long at = 0;
        for (int l = 0; masks && l < m->layers; l++)
            if (m->layer[l].kind == DROPOUT) {
                long size = passes->places[l].inputs;
                for (long f = 0; f < size; f++)
                    passes->mask[at + f] = m->mask_scale * from[i * size + f];
                at += size, from += n * size;
            }
        if (m->labels)
            for (int c = 0; c < m->classes; c++) passes->targets[c] = c == m->labels[image];
        else
            softmax(x + n * (pixels + masks) + i * m->classes, passes->targets, m->classes);
        image_gradients(m, passes, weights, mask, i ? space->gradient : space->difference);
        if (i) add(space->difference, 1, space->gradient, m->parameters);
    }

    REAL factor;
    const REAL *scale = m->scale ? m->scale + client * m->parameters : NULL;
    if (scale) multiply_by(space->difference, scale, m->parameters);
    REAL loss = distance(m, space->difference, client, &factor);
    if (scale) multiply_by(space->difference, scale, m->parameters);

    for (int i = 0; i < n; i++) {
        Passes *passes = &space->passes[i];
        long features = passes->places[m->layers - 1].inputs;
        const REAL *known = m->known ? m->known + (client * n + i) * features : NULL;
        loss += image_derivatives(m, passes, weights, space->difference, known, factor);
        const REAL *slope = passes->places[0].rdx;
        for (long p = 0; p < pixels; p++) gradient[i * pixels + p] = factor * slope[p];
        REAL *to = gradient + n * pixels;
        for (int l = 0; masks && l < m->layers; l++)
            if (m->layer[l].kind == DROPOUT) {
                const Place *place = &passes->places[l], *next = place + 1;
                REAL scale = factor * m->mask_scale;
                for (long f = 0; f < place->inputs; f++)
                    to[i * place->inputs + f] =
                        scale * (next->rdx[f] * place->x[f] + next->dx[f] * place->rx[f]);
                to += n * place->inputs;
            }
        if (!m->labels) {
            /* minus the derivative of the log-probabilities, through the softmax of the logits */
            const REAL *t = passes->targets, *centred = passes->places[m->layers].rx;
            REAL mean = dot(t, centred, m->classes);
            to = gradient + n * (pixels + masks) + i * m->classes;
            for (int c = 0; c < m->classes; c++) to[c] = factor * t[c] * (mean - centred[c]);
        }
    }
    return loss;
}

static REAL with_prior(void *context, int client, int evaluation, const REAL *x, REAL *gradient) {
    REAL distance = matching(context, client, evaluation, x, gradient);
    return distance + total_variation(((Context *)context)->prior, client, x, gradient);
}

/* Distances [B] and their gradients [B, size] at x. */
void matching_evaluate(int batch, long size, const Matching *m, const REAL *x, REAL *loss,
                       REAL *gradient) {
    Workspace workspace = new_workspace(m);
    Context context = {m, NULL, &workspace};
    for (int b = 0; b < batch; b++)
        loss[b] = matching(&context, b, 0, x + b * size, gradient + b * size);
    free_workspace(m, &workspace);
}

/* A step of the optimiser on the distance and a prior. */
void matching_step(const Problems *problems, const Matching *m, const Variation *prior) {
    Workspace workspace = new_workspace(m);
    Context context = {m, prior, &workspace};
    lbfgs_step(problems, with_prior, &context);
    free_workspace(m, &workspace);
}
