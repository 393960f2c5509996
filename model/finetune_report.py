"""What fine-tuning gained and lost: new exercises on people who were left out, known ones on synthetic athletes."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from beam_jobs.errors import UserError
from model import calibration, dataset, fitting
from model.evaluation import metrics
from model.training_data import LabelledSplit

# Synthetic athletes are some hundred clips: a change of less may be chance; more is forgetting.
MAX_LOST_POINTS = 3.0
# Of one class. About seven clips are held out of each, and one of them may change by chance.
MAX_LOST_POINTS_OF_A_CLASS = 25.0
# So many groups say whether a new exercise is recognised on other people; of two, one alone is learned from.
_ENOUGH_GROUPS = 3
# Below it, the report warns.
_FEW_RECOGNISED = 0.5


@dataclasses.dataclass(frozen=True)
class ClipAnswer:
    """A clip and what it was called.

    Attributes:
      video_id, label, group: the clip's.
      answer: the class of the mean probability of its windows.
      num_windows: windows of the clip.
      num_right: of them, those that were called `label`.
    """

    video_id: str
    label: str
    group: str
    answer: str
    num_windows: int
    num_right: int


@dataclasses.dataclass(frozen=True)
class NewClass:
    """How well a new exercise is recognised on people who were left out.

    Attributes:
      label: the exercise.
      num_clips, num_groups: learned from.
      num_learned: clips that were learned from and are called the exercise.
      left_out: clips of people who were left out; none where all clips are of one group.
    """

    label: str
    num_clips: int
    num_groups: int
    num_learned: int
    left_out: tuple[ClipAnswer, ...]

    @property
    def num_recognised(self) -> int:
        """Left-out clips that were called the exercise."""
        return sum(clip.answer == self.label for clip in self.left_out)

    @property
    def window_recall(self) -> float:
        """The share of the left-out clips' windows that were called the exercise; NaN where there are none."""
        total = sum(clip.num_windows for clip in self.left_out)
        return sum(clip.num_right for clip in self.left_out) / total if total else float("nan")


@dataclasses.dataclass(frozen=True)
class KnownClass:
    """How well a known class is recognised on synthetic athletes, before and after: shares of windows."""

    label: str
    num_windows: int
    before: float
    after: float


@dataclasses.dataclass(frozen=True)
class FinetuneReport:
    """What was measured.

    Attributes:
      new: the new classes.
      known: the known classes of which there are synthetic athletes.
      num_athletes: how many of these stand behind `known`.
      called_new: the share of the synthetic athletes' windows that were given the name of a new exercise.
    """

    new: tuple[NewClass, ...]
    known: tuple[KnownClass, ...]
    num_athletes: int
    called_new: float

    @property
    def before(self) -> float:
        """The mean of the known classes' accuracies before; NaN where none was measured."""
        return float(np.mean([known.before for known in self.known])) if self.known else float("nan")

    @property
    def after(self) -> float:
        """Likewise after."""
        return float(np.mean([known.after for known in self.known])) if self.known else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """For bundle.json; without the names of clips and people."""
        new = {
            one.label: {
                "num_clips": one.num_clips,
                "num_groups": one.num_groups,
                "num_learned_clips": one.num_learned,
                "num_left_out_clips": len(one.left_out),
                "num_recognised_clips": one.num_recognised,
                "window_recall": round(one.window_recall, 4) if one.left_out else None,
            }
            for one in self.new
        }
        known = {
            one.label: {
                "num_windows": one.num_windows,
                "before": round(one.before, 4),
                "after": round(one.after, 4),
            }
            for one in self.known
        }
        return {
            "new_classes": new,
            "known_classes": {
                "measured_on": "synthetic athletes",
                "num_groups": self.num_athletes,
                "before": round(self.before, 4) if self.known else None,
                "after": round(self.after, 4) if self.known else None,
                "called_new": round(self.called_new, 4) if self.known else None,
                "classes": known,
            },
        }


def choose_folds(
    own: LabelledSplit, validation: dataset.Windows | None, new: Sequence[str], num_folds: int
) -> list[set[str]]:
    """Groups of the new exercises to leave out in turn, so that each of these groups is left out once.

    Args:
      own: windows to learn from.
      validation: where it has three or more groups of a new exercise, that exercise is measured there.
      new: the new classes.
      num_folds: at most so many.

    Returns:
      None of them where no new class has clips of two groups.
    """
    wanted = [label for label in new if len(_groups(validation, label)) < _ENOUGH_GROUPS]
    groups_of = {label: sorted(_groups(own.data, label)) for label in wanted}
    groups_of = {label: groups for label, groups in groups_of.items() if len(groups) > 1}
    most = max((len(groups) for groups in groups_of.values()), default=0)
    folds: list[set[str]] = [set() for _ in range(min(num_folds, most))]
    placed: set[str] = set()
    for groups in groups_of.values():
        for group in groups:
            if group not in placed:
                # Where the fewest of this exercise's groups are, so that each fold leaves some to learn from.
                min(folds, key=lambda fold: (len(fold & set(groups)), len(fold))).add(group)
                placed.add(group)
    return [fold for fold in folds if fold]


def _groups(data: dataset.Windows | None, label: str) -> set[str]:
    if data is None:
        return set()
    return {data.clips[index].group for index in np.unique(data.clip) if data.clips[index].label == label}


def answer_clips(
    network: keras.Model, data: dataset.Windows, labels: Sequence[str], calibrated: calibration.Calibration
) -> list[ClipAnswer]:
    """What the clips that have a window and a known class are called."""
    probabilities = calibrated.probabilities(fitting.logits(network, data), labels)
    of_clips = metrics.clip_probabilities(probabilities, data.clip, len(data.clips))
    answers = probabilities.argmax(axis=1)
    clips = []
    for index in np.unique(data.clip):
        clip = data.clips[index]
        if clip.label in labels:
            right = answers[data.clip == index] == labels.index(clip.label)
            answer = labels[int(of_clips[index].argmax())]
            clips.append(ClipAnswer(clip.video_id, clip.label, clip.group, answer, len(right), int(right.sum())))
    return clips


def measure(
    *,
    labels: Sequence[str],
    num_known: int,
    own: LabelledSplit,
    learned: Sequence[ClipAnswer],
    left_out: Sequence[ClipAnswer],
    held_out: LabelledSplit | None,
    before: keras.Model,
    after: keras.Model,
) -> FinetuneReport:
    """Puts the report together.

    Args:
      labels: the known classes, then the new ones.
      num_known: how many are known.
      own: windows that were learned from.
      learned: their clips, and what the fine-tuned network calls them.
      left_out: clips of people whom the network that answered had not learned from.
      held_out: windows of synthetic athletes that were not rehearsed; None where there are none.
      before: the bundle's network.
      after: the fine-tuned one.
    """
    new = tuple(
        NewClass(
            label,
            len({index for index in np.unique(own.data.clip) if own.data.clips[index].label == label}),
            len(_groups(own.data, label)),
            sum(clip.answer == label for clip in learned if clip.label == label),
            tuple(clip for clip in left_out if clip.label == label),
        )
        for label in labels[num_known:]
    )
    if held_out is None:
        return FinetuneReport(new, (), 0, float("nan"))
    answers = [fitting.logits(network, held_out.data).argmax(axis=1) for network in (before, after)]
    known = []
    for index in np.unique(held_out.truth):
        chosen = held_out.truth == index
        shares = [float((answer[chosen] == index).mean()) for answer in answers]
        known.append(KnownClass(labels[index], int(chosen.sum()), *shares))
    called_new = float((answers[1] >= num_known).mean())
    return FinetuneReport(new, tuple(known), len(held_out.data.groups()), called_new)


def refuse_if_useless(report: FinetuneReport) -> None:
    """Refuses a bundle that would not know a new exercise, or has forgotten known ones.

    Raises:
      UserError: with what was measured, and what to do.
    """
    advice = (
        "No bundle was written. Give more clips, of more people, with the whole body in view, and check that the "
        "labels are right"
    )
    for new in report.new:
        given = f"{new.num_clips} clips of {new.num_groups} people were given"
        if not new.num_learned:
            raise UserError(
                f"'{new.label}' was not learned: not even one of the clips that were learned from is recognised. "
                f"{advice} ({given})."
            )
        num_people = len({clip.group for clip in new.left_out})
        if num_people >= _ENOUGH_GROUPS and not new.num_recognised:
            called = sorted({clip.answer for clip in new.left_out})
            raise UserError(
                f"'{new.label}' was not learned: of {len(new.left_out)} clips of {num_people} people who were left out "
                f"in turn, none was recognised (called {', '.join(called)}). {advice} ({given})."
            )
    if not report.known:
        return
    worst = max(report.known, key=lambda known: known.before - known.after)
    lost, lost_of_worst = 100 * (report.before - report.after), 100 * (worst.before - worst.after)
    if lost > MAX_LOST_POINTS or lost_of_worst > MAX_LOST_POINTS_OF_A_CLASS:
        raise UserError(
            f"known exercises would be forgotten: of synthetic athletes, {report.before:.1%} of the windows were right "
            f"before and {report.after:.1%} after (most is lost of {worst.label}: {worst.before:.0%} to "
            f"{worst.after:.0%}); at most {MAX_LOST_POINTS:g} points may be lost, and {MAX_LOST_POINTS_OF_A_CLASS:g} "
            "of one class. No bundle was written. Check that no clip of a known exercise has a new label, or lower "
            "--learning_rate or --steps."
        )


def lines(report: FinetuneReport) -> list[str]:
    """The report as a person reads it; warnings last."""
    text = []
    for new in report.new:
        measured = "not measured"
        if new.left_out:
            measured = (
                f"{new.num_recognised} of {len(new.left_out)} clips recognised ({new.window_recall:.0%} of windows) "
                "when these people were left out"
            )
        text.append(f"new: {new.label}, {new.num_clips} clips of {new.num_groups} people: {measured}")
    if report.known:
        text.append(f"known classes, {report.num_athletes} synthetic athletes, windows right before -> after:")
        text += [f"  {known.label:20} {known.before:6.1%} -> {known.after:6.1%}" for known in report.known]
        text.append(f"  {'mean':20} {report.before:6.1%} -> {report.after:6.1%}")
        if report.new:
            text.append(f"  {report.called_new:.1%} of these windows were given a new exercise's name")
    return text + warnings(report)


def warnings(report: FinetuneReport) -> list[str]:
    """What a person should know before using the bundle."""
    messages = []
    for new in report.new:
        if not new.left_out:
            messages.append(
                f"warning: all clips of '{new.label}' are of one person: whether others are recognised is not known. "
                "Give clips of two or more people (the `group` column of labels.csv)."
            )
        elif new.num_recognised < _FEW_RECOGNISED * len(new.left_out):
            messages.append(
                f"warning: '{new.label}' is often missed on people whom it has not seen: give more clips, of more "
                "people."
            )
    if not report.known:
        messages.append("warning: without synthetic athletes, what was forgotten of the known classes is not measured.")
    return messages
