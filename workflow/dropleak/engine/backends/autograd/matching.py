"""The objective by automatic differentiation."""

import torch
from torch import Tensor

from dropleak.engine.attack.objective import GradientMatching


class AutogradMatching(GradientMatching):
    """Gradient matching for networks without derivatives of their own, a few clients at a time."""

    def match(self, x: Tensor, evaluations: Tensor) -> tuple[Tensor, Tensor]:
        with torch.inference_mode(False):
            return super().match(x, evaluations)
