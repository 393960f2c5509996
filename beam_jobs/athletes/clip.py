"""A drawn clip's parameters."""

import dataclasses

from beam_jobs.athletes.catalog import EXERCISES


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip to draw: its row in labels.csv, and the person it shows."""

    seed: int
    index: int
    person: int
    exercise: str
    split: str
    variety: str = "basic"

    @property
    def label(self) -> str:
        """What labels.csv says it shows."""
        return EXERCISES[self.exercise].label

    @property
    def video(self) -> str:
        """The file, below the output folder."""
        return f"{self.label}/{self.label}_{self.index:04d}.mp4"

    @property
    def group(self) -> str:
        """The person's name."""
        return f"athlete_{self.seed}_{self.person:02d}"
