/* The strong Wolfe line search of one problem, as torch.optim.LBFGS does it; see line_search.py for
 * the conditions and algorithms. */
#include <math.h>

#include "compiled.h"

#define C1 ((REAL)1e-4)
#define C2 ((REAL)0.9)

/* Evaluate at t into a point. A loss that is not finite is infinite, so that it is stepped back
 * from. */
static void evaluate(const Line *line, REAL t, Point *point) {
    for (long i = 0; i < line->size; i++) line->trial[i] = line->x[i] + t * line->direction[i];
    point->t = t;
    point->loss = line->objective(line->context, line->problem, (*line->evaluation)++, line->trial,
                                  point->gradient);
    if (!isfinite(point->loss) || !isfinite(largest(point->gradient, line->size)))
        point->loss = INFINITY;
    point->slope = dot(point->gradient, line->direction, line->size);
}

/* Minimum of the cubic through two points, kept within bounds. */
static REAL cubic_minimum(const Point *a, const Point *b, REAL low, REAL high) {
    const Point *left = a->t <= b->t ? a : b, *right = a->t <= b->t ? b : a;
    REAL d1 = a->slope + b->slope - 3 * (a->loss - b->loss) / (a->t - b->t);
    REAL square = d1 * d1 - a->slope * b->slope;
    if (!(square >= 0)) return (low + high) / 2;
    REAL d2 = sqrt(square);
    REAL share = (right->slope + d2 - d1) / (right->slope - left->slope + 2 * d2);
    REAL t = right->t - (right->t - left->t) * share;
    if (!isfinite(t)) return (low + high) / 2;
    return t < low ? low : t > high ? high : t;
}

static void swap(Point *a, Point *b) {
    Point kept = *a;
    *a = *b, *b = kept;
}

void strong_wolfe(const Line *line, Point *at, REAL t, int limit, REAL narrow) {
    const REAL start_loss = at->loss, start_slope = at->slope;
    REAL *spare = line->spare;
    /* bracket[0] and [1] stand in torch's order, which decides between equal losses */
    Point bracket[2] = {*at, {.gradient = spare}}, next = {.gradient = spare + line->size};
    Point origin = {0, start_loss, start_slope, spare + 2 * line->size};
    memcpy(origin.gradient, at->gradient, sizeof(REAL) * line->size);
    int tries = 0, satisfied = 0, hesitant = 0;

    /* A bracket from the steps so far, or a longer step. */
    evaluate(line, t, &bracket[1]);
    for (;; tries++) {
        Point *previous = &bracket[0], *new = &bracket[1];
        if (tries >= limit) {
            swap(previous, &origin);
            break;
        }
        if (new->loss > start_loss + C1 * new->t * start_slope ||
            (tries > 1 && new->loss >= previous->loss))
            break;
        if ((satisfied = fabs(new->slope) <= -C2 * start_slope)) break;
        if (new->slope >= 0) break;
        t = cubic_minimum(previous, new, new->t + (REAL)0.01 * (new->t - previous->t), 10 * new->t);
        swap(previous, new);
        evaluate(line, t, new);
    }

    /* A step within the bracket. */
    int low = satisfied || bracket[1].loss < bracket[0].loss;
    while (!satisfied && tries < limit) {
        REAL left = fmin(bracket[0].t, bracket[1].t), right = fmax(bracket[0].t, bracket[1].t);
        if (right - left < narrow) break;
        t = cubic_minimum(&bracket[0], &bracket[1], left, right);
        REAL margin = (REAL)0.1 * (right - left);
        int close = fmin(right - t, t - left) < margin;
        if (close && (hesitant || t >= right || t <= left)) {
            t = fabs(t - right) < fabs(t - left) ? right - margin : left + margin;
            close = 0;
        }
        hesitant = close;

        evaluate(line, t, &next);
        tries++;
        if (next.loss > start_loss + C1 * t * start_slope || next.loss >= bracket[low].loss) {
            swap(&bracket[!low], &next);
            low = bracket[1].loss < bracket[0].loss;
        } else {
            satisfied = fabs(next.slope) <= -C2 * start_slope;
            if (!satisfied && next.slope * (bracket[!low].t - bracket[low].t) >= 0)
                swap(&bracket[!low], &bracket[low]);
            swap(&bracket[low], &next);
        }
    }
    REAL *gradient = at->gradient; /* the caller's */
    if (bracket[low].gradient != gradient)
        memcpy(gradient, bracket[low].gradient, sizeof(REAL) * line->size);
    *at = bracket[low];
    at->gradient = gradient;
}
