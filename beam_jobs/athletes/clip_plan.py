"""The plan of drawn clips: which person does which exercise in which split. All of it follows from a seed."""

import itertools
import json
import math
from collections.abc import Iterator, Sequence

import numpy as np

from beam_jobs import tables
from beam_jobs.athletes.catalog import LABELS, OTHER_EXERCISES, OTHER_MOTIONS
from beam_jobs.athletes.clip import Clip
from beam_jobs.errors import UsageError
from beam_jobs.labels import NO_EXERCISE

# Raised when the same seed draws other pictures than before; finished clips of another version are not kept.
# 2: more movements of people who do no exercise; cameras that lost the athlete find them.
# 3: `none` has exercises that the project does not know, too.
DRAWING_VERSION = 3
PARAMETERS_FILE = "athletes.json"
CLIPS_PER_PERSON = 4
# Shares of an exercise's clips; the others are in the train split.
VALIDATION_SHARE = TEST_SHARE = 0.15


def read_parameters(text: str) -> dict:
    """What a folder of athletes was drawn with, from the text of its PARAMETERS_FILE.

    Files from before the varieties were called basic and varied are read, too.
    """
    parameters = {"variety": "usual", **json.loads(text)}
    former = {"usual": "basic", "wide": "varied"}
    return {**parameters, "variety": former.get(parameters["variety"], parameters["variety"])}


def assign_clips(seed: int, num_clips: int, exercises: Sequence[str], variety: str = "basic") -> list[Clip]:
    """The clips to draw. People are assigned to splits first, so that nobody is in two splits.

    Every split has every exercise; the numbers of clips of two exercises differ by one at most. One exercise may be
    'none': people who do no exercise; its clips take the movements of OTHER_MOTIONS
    and of OTHER_EXERCISES in turn, one of these and one of those.

    Raises:
      UsageError: if an exercise is unknown or named twice, or there are too few clips for three splits.
    """
    unknown = [name for name in exercises if name not in LABELS]
    if unknown or not exercises:
        raise UsageError(
            f"--exercises names {', '.join(unknown) or 'nothing'}; known are {', '.join(LABELS)}. For all of them: "
            "--exercises all."
        )
    if len(set(exercises)) < len(exercises):
        raise UsageError(f"--exercises names one twice: {', '.join(exercises)}. Name each once.")
    least = len(tables.SPLITS) * len(exercises)
    if num_clips < least:
        raise UsageError(
            f"--num_clips is {num_clips}; expected {least} or more: {len(exercises)} exercises, each in "
            f"{', '.join(tables.SPLITS)}. Draw more clips, or fewer --exercises."
        )
    rng = np.random.default_rng([seed, 0, 0])
    by_split: dict[str, list[str]] = {split: [] for split in tables.SPLITS}
    for position, name in enumerate(exercises):
        num = num_clips // len(exercises) + (position < num_clips % len(exercises))
        held_out = {"validation": max(1, round(VALIDATION_SHARE * num)), "test": max(1, round(TEST_SHARE * num))}
        for split in tables.SPLITS:
            by_split[split] += [name] * held_out.get(split, num - sum(held_out.values()))
    clips: list[Clip] = []
    person = 0
    others = _in_turn(OTHER_MOTIONS, OTHER_EXERCISES)
    for split in tables.SPLITS:
        # Rounds of all exercises, each in an order of its own, dealt out to one person after the other.
        rounds: dict[int, list[str]] = {}
        for position, name in enumerate(by_split[split]):
            rounds.setdefault(by_split[split][:position].count(name), []).append(name)
        names = [str(name) for round_ in rounds.values() for name in rng.permutation(round_)]
        for position, name in enumerate(names):
            motion = next(others) if name == NO_EXERCISE else name
            clips.append(Clip(seed, len(clips), person + position // CLIPS_PER_PERSON, motion, split, variety))
        person += math.ceil(len(names) / CLIPS_PER_PERSON)
    return clips


def _in_turn(*cycles: Sequence[str]) -> Iterator[str]:
    """One of the first, one of the second, and so on, without end."""
    return itertools.chain.from_iterable(zip(*map(itertools.cycle, cycles), strict=False))
