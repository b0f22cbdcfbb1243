import pytest
import torch

from dropleak.engine.attack.priors import mask_rate, total_variation


def test_an_even_image_has_no_variation_and_a_chessboard_the_most():
    even = torch.full((2, 1, 3, 8, 8), 0.3)
    value, gradient = total_variation(even)
    assert value.tolist() == [0, 0]
    assert not gradient.any()
    chessboard = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * torch.ones(1, 1, 3, 8, 8)
    assert total_variation(chessboard)[0].tolist() == [2.0]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_variation_and_its_gradient_are_those_of_autograd(smoothing):
    torch.manual_seed(0)
    images = torch.rand(3, 2, 3, 7, 5, dtype=torch.float64, requires_grad=True)
    value, gradient = total_variation(images.detach(), smoothing)

    def variation(difference):
        magnitude = (difference**2 + smoothing**2).sqrt()
        return magnitude.mean((1, 2, 3, 4))

    down = variation(images[..., 1:, :] - images[..., :-1, :])
    across = variation(images[..., 1:] - images[..., :-1])
    torch.testing.assert_close(value, (down + across).detach())
    torch.testing.assert_close(gradient, torch.autograd.grad((down + across).sum(), images)[0])


def test_smoothed_variation_has_no_gradient_where_neighbours_are_equal():
    even = torch.full((1, 1, 1, 3, 4), 0.3)
    value, gradient = total_variation(even, 0.05)
    torch.testing.assert_close(value, torch.tensor([2 * 0.05]))
    assert not gradient.any()


def test_masks_are_drawn_to_the_rate():
    masks = [torch.full((1, 2, 10), 0.9), torch.full((1, 2, 3, 4), 0.5)]
    value, gradients = mask_rate(masks, 0.3)
    torch.testing.assert_close(value, torch.tensor([0.2 + 0.2]))
    assert (gradients[0] > 0).all()  # too few are dropped: going down drops more
    assert (gradients[1] < 0).all()
    assert [each.shape for each in gradients] == [each.shape for each in masks]
    torch.testing.assert_close(gradients[0].sum(), torch.tensor(1.0))
