"""How a run is kept going: none of it changes a number that it comes to."""

from __future__ import annotations

from dataclasses import dataclass

from archc.train.cadence import EVERY, Every
from archc.train.supervisor import RESTARTS, STALL, Limits


@dataclass(frozen=True, kw_only=True)
class Upkeep:
    """A run remembers it, so that it goes on as it was; what is said anew holds from then on."""

    save_every: Every = EVERY
    """How often a checkpoint is written, besides the end of each epoch."""
    workers: int = 0
    """How many processes read images that are not in memory; 0: threads of the one that trains."""
    restarts: int | None = None
    """How often a process that trains is started again; None where nothing was said."""
    stall: int | None = None
    """Seconds without a step, after which it counts as lost; None where nothing was said."""

    @property
    def is_watched(self) -> bool:
        """Whether it was asked for a process that is watched, where one device needs none."""
        return self.restarts is not None or self.stall is not None

    @property
    def limits(self) -> Limits:
        return Limits(
            RESTARTS if self.restarts is None else self.restarts,
            STALL if self.stall is None else self.stall,
        )
