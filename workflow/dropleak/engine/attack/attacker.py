"""An attacker as data: every attack of the field is a combination of these settings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Attacker:
    """Settings of an attacker, described in schemas/config.schema.yaml under `presets`.

    All but its iterations, as optimisers get them.
    """

    labels: str = "infer"
    masks: str = "resample"
    distance: str = "euclidean"
    normalise: bool = False
    features: float = 0.0
    start: str = "noise"
    optimiser: str = "lbfgs"
    learning_rate: float = 1.0
    line_search: str = "none"
    schedule: str = "none"
    clip: bool = False
    total_variation: float = 0.0
    total_variation_smoothing: float = 0.0
    stages: int = 1
    mask_regulariser: float = 0.0
    patience: int | None = None
    target_loss: float = 0.0
    restarts: int = 1
    adapts: bool = False

    @property
    def needs_oracle(self) -> bool:
        """Whether it is given the clients' masks, which are not part of an update."""
        return self.masks == "known"

    @property
    def knowledge(self) -> str:
        """Its knowledge, as written in tables."""
        return "update and masks" if self.needs_oracle else "update"
