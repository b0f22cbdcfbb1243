import numpy as np
import pytest

from dropleak.engine.attack.facets import Cone


def cone(rays, points, rate, seed=0, noise=1e-12, dimensions=12):
    """A cone of random rays from some points, the rays and the points' coefficients."""
    random = np.random.default_rng(seed)
    axes = random.normal(size=(dimensions, rays))
    x = random.uniform(0.2, 1, (rays, points)) * (random.random((rays, points)) >= rate)
    x = x[:, x.any(0)]
    inside = axes @ x + noise * random.normal(size=(dimensions, x.shape[1]))
    return Cone(inside, np.full_like(inside, noise), rays), axes, x


@pytest.mark.parametrize("noise", [1e-12, 1e-4])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("rays", [2, 3, 6])
def test_a_search_finds_the_facets_and_nothing_else(rays, rate, noise):
    points, axes, x = cone(rays, 400, rate, noise=noise)
    found = {}
    for facet in points.search(np.random.default_rng(0), 50):
        (ray,) = [ray for ray in range(rays) if np.array_equal(facet.points, x[ray] == 0)]
        found[ray] = facet.normal
    for ray, normal in found.items():
        heights = normal @ axes
        assert heights[ray] > 0
        np.testing.assert_allclose(np.delete(heights, ray) / heights[ray], 0, atol=100 * noise)
    assert len(found) == rays


def test_points_of_which_none_is_on_a_facet_have_none():
    points, _, _ = cone(3, 400, rate=0.0)
    assert not [*points.search(np.random.default_rng(0), 20)]


def test_a_facet_is_settled_on_from_most_of_its_points_and_a_few_others():
    points, _, x = cone(4, 400, rate=0.3)
    guess = x[2] == 0
    guess[np.flatnonzero(guess)[:40]] = False
    facet = points.settle(guess)
    assert facet is not None
    assert np.array_equal(facet.points, x[2] == 0)
    assert points.settle((x[1] == 0) & (x[2] == 0)) is None  # they span no facet
    assert points.settle(np.arange(x.shape[1]) < 2) is None


def test_a_cone_of_fewer_dimensions_than_rays_is_degenerate():
    assert not cone(6, 400, 0.3)[0].degenerate
    assert cone(6, 400, 0.3, dimensions=5)[0].degenerate
    _, _, x = cone(2, 400, 0.3)
    assert Cone(np.stack([x[0], x[0]]), np.full((2, x.shape[1]), 1e-12), 2).degenerate


def test_a_facet_is_tightened_to_the_points_that_noise_explains():
    rays, d = 3, 400
    cone_, axes, x = cone(rays, d, 0.3)
    on = x[1] == 0
    x[1, np.flatnonzero(on)[:3]] = 1e-9  # nearer to the facet than any other gap is wide
    near = Cone(axes @ x, np.full((12, x.shape[1]), 1e-12), rays)
    loose = near.settle(on)
    assert np.array_equal(loose.points, on)
    assert np.array_equal(near.tighten(loose).points, x[1] == 0)
    x[1, np.flatnonzero(on)[0]] = 1e-11
    assert Cone(axes @ x, np.full((12, x.shape[1]), 1e-12), rays).tighten(loose) is None
    assert np.array_equal(cone_.tighten(cone_.settle(on)).points, on)
