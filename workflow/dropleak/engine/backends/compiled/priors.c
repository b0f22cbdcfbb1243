/* The prior of images, as in priors.py. */
#include <math.h>

#include "compiled.h"

/* That of neighbours `apart` values from one another, in `runs` of `length` values. */
static REAL variation(const REAL *x, REAL *gradient, long runs, long length, long apart,
                      REAL weight, REAL smoothing) {
    REAL total = 0, each = weight / (runs * (length - apart));
    for (long run = 0; run < runs; run++, x += length, gradient += length)
        for (long i = 0; i < length - apart; i++) {
            REAL difference = x[i + apart] - x[i];
            REAL magnitude = sqrt(difference * difference + smoothing * smoothing);
            REAL slope = magnitude > 0 ? each * difference / magnitude : 0;
            total += magnitude;
            gradient[i + apart] += slope, gradient[i] -= slope;
        }
    return each * total;
}

REAL total_variation(const Variation *prior, int client, const REAL *x, REAL *gradient) {
    long planes = prior->planes, height = prior->height, width = prior->width;
    REAL weight = prior->weight[client], smoothing = prior->smoothing;
    if (weight == 0) return 0;
    return variation(x, gradient, planes * height, width, 1, weight, smoothing) +
           variation(x, gradient, planes, height * width, width, weight, smoothing);
}
