"""An attacker as data: every attack of the field is a combination of these settings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Attacker:
    """What each setting means stands in schemas/config.schema.yaml, under `presets`."""

    labels: str = "infer"
    masks: str = "resample"
    distance: str = "euclidean"
    optimiser: str = "lbfgs"
    learning_rate: float = 1.0
    line_search: str = "none"
    schedule: str = "none"
    clip: bool = False
    total_variation: float = 0.0
    mask_regulariser: float = 0.0
    restarts: int = 1

    @property
    def needs_oracle(self) -> bool:
        """Whether it is given the clients' masks, which an update alone does not have."""
        return self.masks == "known"

    @property
    def knowledge(self) -> str:
        """What it is given, for tables."""
        return "update and masks" if self.needs_oracle else "update"
