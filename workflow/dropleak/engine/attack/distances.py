"""Distances between gradients: an entry each, with its descriptions for docs and report.

Planning uses the entries, so torch is imported only when something is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Distance:
    """A distance of dummy gradients from the shared ones."""

    compute: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    """(dummy gradients [B, P], shared gradients [B, P]) -> distances [B] and their gradients with
    respect to the dummy gradients, [B, P]."""
    meaning: str
    """Description for the table of settings."""
    method: str
    """Description for the methods paragraph: LaTeX that may cite `report/references.bib`."""


def euclidean(dummy: Tensor, shared: Tensor) -> tuple[Tensor, Tensor]:
    """Squared Euclidean distance (Zhu et al. 2019, equation 3) and its gradient.

    Args:
        dummy, shared: gradients, [B, P].

    Returns:
        [B], and [B, P] with respect to `dummy`.
    """
    from torch.linalg import vecdot

    difference = dummy - shared
    return vecdot(difference, difference), 2 * difference


def cosine(dummy: Tensor, shared: Tensor) -> tuple[Tensor, Tensor]:
    """1 minus the cosine of the angle (Geiping et al. 2020, equation 4) and its gradient; as above.

    Their code divides by the product of the norms plus 1e-8; here the norms are kept from zero.
    """
    from torch.linalg import vecdot

    size, shared_size = (g.norm(dim=1, keepdim=True).clamp(min=1e-20) for g in (dummy, shared))
    unit, aim = dummy / size, shared / shared_size
    similarity = vecdot(unit, aim)
    return 1 - similarity, (similarity[:, None] * unit - aim) / size


DISTANCES = {
    "euclidean": Distance(
        euclidean,
        meaning="the squared Euclidean one",
        method="squared Euclidean distance of gradients",
    ),
    "cosine": Distance(
        cosine,
        meaning="1 minus the cosine of their angle",
        method=r"cosine distance of gradients \cite{geiping2020inverting}",
    ),
}
