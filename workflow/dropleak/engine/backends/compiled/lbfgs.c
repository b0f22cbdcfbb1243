/* L-BFGS, with and without line search, as torch.optim.LBFGS does it. */
#include <math.h>

#include "compiled.h"

typedef enum { ITERATION_LIMIT, STATIONARY, NO_PROGRESS, NOT_FINITE } Outcome; /* as in optimiser.py */

/* Add the latest step and gradient change to the ring of problem b, if their curvature is positive. */
static void remember(const Problems *p, int b, const REAL *s, const REAL *y) {
    long size = p->size, slot = b * (long)p->history + p->pairs[b] % p->history;
    REAL curvature = dot(y, s, size);
    if (!(curvature > (REAL)1e-10)) return;
    memcpy(p->s + slot * size, s, sizeof(REAL) * size);
    memcpy(p->y + slot * size, y, sizeof(REAL) * size);
    p->curvature[slot] = curvature;
    p->scale[b] = curvature / dot(y, y, size);
    p->pairs[b]++;
}

/* Minus the approximate inverse Hessian times the gradient (Nocedal and Wright, Numerical
 * Optimization, algorithm 7.4). */
static void two_loops(const Problems *p, int b, const REAL *gradient, REAL *alpha,
                      REAL *direction) {
    long size = p->size, first = b * (long)p->history;
    const REAL *s = p->s + first * size, *y = p->y + first * size, *curvature = p->curvature + first;
    int64_t newest = p->pairs[b], oldest = newest > p->history ? newest - p->history : 0;
    for (long i = 0; i < size; i++) direction[i] = -gradient[i];
    for (int64_t pair = newest - 1; pair >= oldest; pair--) {
        long at = pair % p->history;
        alpha[at] = dot(s + at * size, direction, size) / curvature[at];
        add(direction, -alpha[at], y + at * size, size);
    }
    for (long i = 0; i < size; i++) direction[i] *= p->scale[b];
    for (int64_t pair = oldest; pair < newest; pair++) {
        long at = pair % p->history;
        REAL beta = dot(y + at * size, direction, size) / curvature[at];
        add(direction, alpha[at] - beta, s + at * size, size);
    }
}

typedef struct {
    REAL *gradient, *change, *direction, *x, *alpha;
    REAL *spare; /* [3 * size], for line searches */
} Scratch;

/* How a step ends at a new point, or ITERATION_LIMIT if it goes on. */
static Outcome check(const Problems *p, int b, const REAL *gradient, const REAL *move,
                     REAL previous_loss) {
    REAL steepest = largest(gradient, p->size);
    if (!isfinite(p->loss[b]) || !isfinite(steepest)) return NOT_FINITE;
    if (steepest <= p->tolerance_grad) return STATIONARY;
    if (largest(move, p->size) <= p->tolerance_change) return NO_PROGRESS;
    if (fabs(p->loss[b] - previous_loss) < p->tolerance_change) return NO_PROGRESS;
    return ITERATION_LIMIT;
}

static Outcome step_one(const Problems *p, int b, Objective objective, void *context,
                        const Scratch *scratch) {
    long size = p->size;
    REAL *x = p->x + b * size, *move = p->move + b * size;
    REAL *previous_gradient = p->previous_gradient + b * size;
    REAL *gradient = scratch->gradient, *direction = scratch->direction;
    int evaluation = 0, max_eval = p->max_iter * 5 / 4;

    p->loss[b] = p->first_loss[b] = objective(context, b, evaluation++, x, gradient);
    p->evaluations[b]++;
    REAL steepest = largest(gradient, size);
    if (!isfinite(p->loss[b]) || !isfinite(steepest)) return NOT_FINITE;
    if (steepest <= p->tolerance_grad) return STATIONARY;
    p->idle[b] = 0;
    for (int iteration = 1; iteration <= p->max_iter; iteration++) {
        REAL step_size = p->lr;
        if (p->iterations[b]++ == 0) {
            REAL total = 0;
            for (long i = 0; i < size; i++) total += gradient[i] < 0 ? -gradient[i] : gradient[i];
            if (total > 1) step_size /= total;
        } else {
            for (long i = 0; i < size; i++)
                scratch->change[i] = gradient[i] - previous_gradient[i];
            remember(p, b, move, scratch->change);
        }
        two_loops(p, b, gradient, scratch->alpha, direction);
        for (long i = 0; i < size; i++) move[i] = step_size * direction[i];
        memcpy(previous_gradient, gradient, sizeof(REAL) * size);
        REAL slope = dot(gradient, direction, size), previous_loss = p->loss[b];
        if (slope > -p->tolerance_change) {
            p->idle[b] = iteration == 1;
            return NO_PROGRESS;
        }
        if (p->line_search) {
            if (!isfinite(slope)) return NOT_FINITE;
            int before = evaluation, left = max_eval - evaluation;
            Point at = {0, p->loss[b], slope, gradient};
            Line line = {objective, context,   b,          &evaluation,    size,
                         x,         direction, scratch->x, scratch->spare};
            strong_wolfe(&line, &at, step_size, left,
                         p->tolerance_change / largest(direction, size));
            p->evaluations[b] += evaluation - before;
            p->loss[b] = at.loss;
            p->idle[b] = iteration == 1 && at.t == 0;
            for (long i = 0; i < size; i++) move[i] = at.t * direction[i], x[i] += move[i];
            if (iteration == p->max_iter || evaluation >= max_eval) break;
            Outcome outcome = check(p, b, gradient, move, previous_loss);
            if (outcome != ITERATION_LIMIT) return outcome;
            continue;
        }
        for (long i = 0; i < size; i++) scratch->x[i] = x[i] + move[i];
        if (!isfinite(largest(scratch->x, size))) return NOT_FINITE;
        memcpy(x, scratch->x, sizeof(REAL) * size);
        if (iteration == p->max_iter) break;

        p->loss[b] = objective(context, b, evaluation++, x, gradient);
        p->evaluations[b]++;
        Outcome outcome = check(p, b, gradient, move, previous_loss);
        if (outcome != ITERATION_LIMIT) return outcome;
    }
    return ITERATION_LIMIT;
}

void lbfgs_step(const Problems *p, Objective objective, void *context) {
    Scratch scratch = {zeros(p->size), zeros(p->size), zeros(p->size), zeros(p->size),
                       zeros(p->history), zeros(3 * p->size)};
    for (int b = 0; b < p->batch; b++) {
        p->idle[b] = 1;
        p->first_loss[b] = p->loss[b];
        if (p->outcome[b] != NOT_FINITE)
            p->outcome[b] = step_one(p, b, objective, context, &scratch);
    }
    free(scratch.gradient), free(scratch.change), free(scratch.direction), free(scratch.x);
    free(scratch.alpha), free(scratch.spare);
}
