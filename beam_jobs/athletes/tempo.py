"""When a drawn athlete's repetitions start, and how deep they go."""

import numpy as np

from beam_jobs.athletes import exercise


class Tempo:
    """When each repetition starts, how long its parts take and how deep it goes."""

    def __init__(
        self,
        rng: np.random.Generator,
        seconds: tuple[float, float],
        duration_s: float | None = None,
        varied: bool = False,
    ) -> None:
        """Samples the tempo of one clip.

        Args:
          rng: decides.
          seconds: shortest and longest repetition usually; hasty and slow ones are added where `varied`.
          duration_s: of the clip, where it is given.
          varied: with pauses, less regular, and at times not all the way.
        """
        if varied:
            seconds = (0.6 * seconds[0], 1.6 * seconds[1])
            self.mean_s = float(np.exp(rng.uniform(*np.log(seconds))))
        else:
            self.mean_s = rng.uniform(*seconds)
        self.duration_s = duration_s or max(rng.uniform(5.0, 6.2), min(2.25 * self.mean_s, 8.0))
        down, low = rng.uniform(0.38, 0.58), rng.uniform(0.0, 0.12)
        up = rng.uniform(0.32, 0.5)
        self._parts = np.cumsum([down, low, up, rng.uniform(0.0, 0.12)])
        self._parts /= self._parts[-1]
        num = int(self.duration_s / self.mean_s * 1.5) + 3
        self._seconds = self.mean_s * rng.normal(1, 0.05, num).clip(0.85, 1.15)
        self._deepest = rng.uniform(0.9, 1.0, num)
        if varied:
            pauses = rng.uniform(0, 0.45, 2) * (rng.random(2) < 0.35)
            self._parts = np.cumsum([down, low + pauses[0], up, rng.uniform(0.0, 0.12) + pauses[1]])
            self._parts /= self._parts[-1]
            self._seconds = self.mean_s * rng.normal(1, rng.uniform(0.03, 0.16), num).clip(0.6, 1.5)
            least = rng.uniform(0.55, 0.9) if rng.random() < 0.3 else 0.88
            self._deepest = rng.uniform(least, min(least + 0.15, 1.0), num)
        # The clip may begin anywhere in a repetition.
        self._starts = np.concatenate([[0], np.cumsum(self._seconds)[:-1]]) - rng.uniform(0, 1) * self._seconds[0]

    def phase(self, time_s: float) -> exercise.RepetitionPhase:
        """Where in the set a time lies."""
        repetition = int(np.searchsorted(self._starts, time_s, side="right")) - 1
        share = (time_s - self._starts[repetition]) / self._seconds[repetition]
        down, low, up, _ = self._parts
        if share < down:
            depth = exercise.smooth(share / down)
        elif share < low:
            depth = 1.0
        else:
            depth = 1 - exercise.smooth((share - low) / (up - low))
        return exercise.RepetitionPhase(
            depth * self._deepest[repetition], repetition, time_s, returning=bool(share >= low)
        )
