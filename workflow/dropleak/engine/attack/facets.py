"""Facets of a cone whose rays are unknown, from points that lie in it.

With n independent rays e_1, ..., e_n the cone {sum_i e_i x_i : x >= 0} has n facets, one opposite
each ray: the points with x_i = 0. The facet's normal q has q . e_i > 0 and q . e_k = 0 for every
other ray, so q . (sum_k e_k x_k) is x_i up to scale.

The points tell a facet if those that lie on it span it. Then its normal is an extreme ray of their
dual cone {q : q . p >= 0 for every point p}. That has other extreme rays as well, but the
hyperplane of such a one goes through about n - 1 points, where a facet holds many.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SURPLUS = 8
"""Points that a facet has at least, beyond the n - 1 that some hyperplane always goes through."""

_GAP = 4.0
"""Least ratio of the nearest point off a facet to the farthest one on it, in units of noise."""

_CERTAIN = 8.0
"""Height of a point above a facet that noise alone does not explain, in units of noise."""

_STEPS = 4
"""Linear programs that follow one another in a try."""


class Facet(NamedTuple):
    """A facet of a cone."""

    points: NDArray[np.bool_]  # [d], those that lie on it
    normal: NDArray[np.float64]  # [C]
    noise: NDArray[np.float64]  # [d], standard deviations of the products of normal and points


class Cone:
    """The cone of n unknown rays.

    Args:
        points: [C, d], in the cone.
        noise: [C, d], standard deviations of the points.
        rays: n.
    """

    def __init__(self, points: NDArray, noise: NDArray, rays: int):
        self.rays, self._points, self._noise = rays, points, noise
        u, s, v = np.linalg.svd(points, full_matrices=False)
        self.degenerate = rays > len(s) or s[rays - 1] <= 2 * max([*s[rays:], 1e-12 * s[0]])
        """Whether the points span fewer dimensions than n, as far as can be told."""
        self.span = u[:, :rays]
        """Orthonormal vectors that span the rays, [C, n]."""
        # Everything happens in that span, in coordinates [n, d] whose rows are orthonormal.
        self._v, self._back = v[:rays], self.span / s[:rays]
        self._mean = self._v.mean(1)

    def search(self, random: np.random.Generator, tries: int) -> Iterator[Facet]:
        """Look for facets; the same one may come several times.

        A linear program minimises aim . q over the dual cone with q . mean = 1. Its solution is an
        extreme ray, and that of a facet if the line from the aim along the mean enters the cone
        there. The aim is a random mean of points:

        - at first of those where one coordinate is not negative. For errors of classification,
          which are negative at the label, images of that label have dropped most of these;
        - then a single point that no facet has yet;
        - after each solution that is no facet, the points nearest to its hyperplane.

        Args:
            random: numbers.
            tries: single points to begin with.
        """
        if self.rays == 1:
            yield from self._origin()
            return
        d = self._v.shape[1]
        signed = np.flatnonzero((self._points < -10 * self._noise).any(1))
        covered = np.zeros(d, bool)
        for number in range(len(signed) + tries):
            if number < len(signed):
                aims = self._points[signed[number]] >= 0
            else:
                aims = np.arange(d) == random.choice(np.flatnonzero(~covered | covered.all()))
            for _ in range(_STEPS):
                ray = self._extreme_ray(self._v @ (aims * random.random(d)), random)
                if ray is None:
                    break
                if facet := self.settle(self._near(ray)[0]):
                    covered |= facet.points
                    yield facet
                    break
                heights = ray @ self._v
                aims = heights <= np.sort(heights)[min(3 * self.rays, d - 1)]

    def settle(self, points: NDArray[np.bool_]) -> Facet | None:
        """The facet that holds these points, bool [d], but for a few; None if there is none.

        The hyperplane nearest to them is fitted to the points near it until they stay the same.
        """
        if self.rays == 1:
            return self._facet(np.zeros_like(points), 1 / self._mean)
        noise, before = np.ones(len(points)), None
        for _ in range(20):
            if points.sum() < self.rays:
                return None
            normal, spanned = self._fit(points, noise)
            noise = self._noise_of(normal)
            if before is not None and np.array_equal(points, before):
                break
            before = points
            points, gap = self._near(normal)
        if gap < _GAP or not spanned or not (points | (normal @ self._v > 0)).all():
            return None
        return self._facet(points, normal)

    def tighten(self, facet: Facet) -> Facet | None:
        """The facet without points that are near it and not on it; None if noise hides which.

        Needs noise that is well known, where `settle` goes by the widest gap.
        """
        if self.rays == 1:
            return facet
        points, noise, bound = facet.points, facet.noise, np.inf
        while True:
            normal, spanned = self._fit(points, noise)
            noise = self._noise_of(normal)
            heights = np.abs(normal @ self._v) / noise
            if bound == _CERTAIN:
                break
            # Step by step, as points that are far off tilt what is fitted to them.
            bound = max(_CERTAIN, min(bound, heights[points].max()) / 3)
            points = heights < bound
            if points.sum() < self.rays:
                return None
        unclear = (heights > _CERTAIN) == points
        unclear |= ~points & (heights < _GAP * _CERTAIN)
        if unclear.any() or not spanned or not (points | (normal @ self._v > 0)).all():
            return None
        return self._facet(points, normal)

    def _fit(self, points: NDArray[np.bool_], noise: NDArray) -> tuple[NDArray, bool]:
        """The normal of the hyperplane nearest to points, and whether they span no less."""
        u, s, _ = np.linalg.svd(self._v[:, points] / noise[points], full_matrices=False)
        beyond_noise = s[-2] > 10 * np.sqrt(points.sum())
        return u[:, -1] / (u[:, -1] @ self._mean), bool(beyond_noise)

    def _facet(self, points: NDArray[np.bool_], normal: NDArray) -> Facet:
        return Facet(points, self._back @ normal, self._noise_of(normal))

    def _origin(self) -> Iterator[Facet]:
        """The facet of a single ray: no point, or those that are nothing but noise."""
        ray = 1 / self._mean
        near, _ = self._near(ray)
        for points in (np.zeros_like(near), near):
            yield self._facet(points, ray)

    def _extreme_ray(self, aim: NDArray, random: np.random.Generator) -> NDArray | None:
        from scipy.optimize import linprog  # which takes a while to import

        # If an aim has several solutions, the one that is returned need not be extreme.
        aim = aim / max(np.linalg.norm(aim), 1e-30) + 0.03 * random.normal(size=len(aim))
        solution = linprog(
            aim,
            A_ub=-self._v.T,
            b_ub=np.zeros(self._v.shape[1]),
            A_eq=self._mean[None],
            b_eq=[1.0],
            bounds=(None, None),
            method="highs-ds",
        )
        return solution.x if solution.success else None

    def _noise_of(self, normal: NDArray) -> NDArray:
        """Standard deviations of the points' heights above a hyperplane, [d]."""
        variance = np.square(self._back @ normal) @ np.square(self._noise)
        return np.maximum(np.sqrt(variance), 1e-300)

    def _near(self, normal: NDArray) -> tuple[NDArray[np.bool_], float]:
        """The points on a hyperplane, which the widest gap in heights tells from the rest.

        Heights are in units of noise, and those below 1 count as 1.

        Returns:
            bool [d], and the gap as a ratio.
        """
        heights = np.maximum(np.abs(normal @ self._v) / self._noise_of(normal), 1)
        ordered = np.sort(heights)
        least = min(self.rays + _SURPLUS, len(ordered) - 1)
        gaps = ordered[least:] / ordered[least - 1 : -1]
        widest = int(gaps.argmax())
        return heights <= ordered[least - 1 + widest], float(gaps[widest])
