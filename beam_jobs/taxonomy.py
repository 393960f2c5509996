"""What is known of each exercise: one table, exercises.csv, for labels, athletes, reports and live.

A model may know exercises that are not in it: those are shown by their label, and are no holds.
"""

import csv
import dataclasses
import functools
import importlib.resources
import re
from collections.abc import Iterable, Mapping


@dataclasses.dataclass(frozen=True)
class KnownExercise:
    """One row of the table.

    Attributes:
      name: the label.
      shown_name: as people read it.
      position: how the body is placed.
      equipment: what it is usually done with.
      is_hold: whether it is held, without movement.
      confused_with: labels of exercises that look like it.
      other_names: what else people write in a labels.csv for it.
    """

    name: str
    shown_name: str
    position: str
    equipment: str
    is_hold: bool
    confused_with: tuple[str, ...]
    other_names: tuple[str, ...]


@functools.cache
def known_exercises() -> Mapping[str, KnownExercise]:
    """The rows of the table by name, `none` (no known exercise) among them."""
    text = importlib.resources.files("beam_jobs").joinpath("exercises.csv").read_text()
    found = {}
    for row in csv.DictReader(text.splitlines()):
        confused = tuple(name for name in row["confused_with"].split() if name != "none")
        found[row["name"]] = KnownExercise(
            row["name"],
            row["shown_name"],
            row["position"],
            row["equipment"],
            row["is_hold"] == "yes",
            confused,
            tuple(row["other_names"].split()),
        )
    return found


def shown_name(label: str) -> str:
    """A label as people read it: push_up as "push-up"; a label that is not in the table with blanks."""
    known = known_exercises().get(label)
    return known.shown_name if known else label.replace("_", " ")


def shown_names(labels: Iterable[str]) -> dict[str, str]:
    """`shown_name` of each label, by label."""
    return {label: shown_name(label) for label in labels}


def standard_label(label: str) -> str:
    """The table's name for a label that is written in another way (`Push-Ups`, `pullup`), else the label as it is."""
    return _names_by_letters().get(_letters(label), label)


@functools.cache
def _names_by_letters() -> Mapping[str, str]:
    return {
        _letters(written): one.name for one in known_exercises().values() for written in (one.name, *one.other_names)
    }


def _letters(label: str) -> str:
    """What is compared of two labels: no case, no signs between words."""
    return re.sub(r"[\W_]+", "", label).casefold()
