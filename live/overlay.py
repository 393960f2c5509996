"""What is drawn over a frame: annotators with their configuration in `__init__` and one `annotate`.

Each draws on the picture that it is given and returns it. Colours are BGR. Sizes follow the picture's.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from beam_jobs import landmarks
from beam_jobs.pose import Pose
from live.recognizer import Recognition

Color = tuple[int, int, int]

_WHITE: Color = (255, 255, 255)
_GREY: Color = (190, 190, 190)
_DARK: Color = (32, 28, 26)
_TRACK: Color = (70, 66, 64)
_LEFT: Color = (80, 190, 255)
_RIGHT: Color = (255, 200, 90)
_MIDDLE: Color = (235, 235, 235)
_ACCENT: Color = (120, 220, 120)


def _unit_px(picture: np.ndarray) -> int:
    """The size that all others are multiples of: about a text line's height."""
    return max(9, min(36, round(min(picture.shape[:2]) / 22)))


class SkeletonAnnotator:
    """Draws a person's landmarks and the lines between them; the person's left in one colour, the right in another."""

    def __init__(
        self, left: Color = _LEFT, right: Color = _RIGHT, middle: Color = _MIDDLE, min_visibility: float = 0.5
    ) -> None:
        """Chooses colours, and how visible a landmark must be to be drawn (a probability)."""
        self._colors = left, right, middle
        self._min_visibility = min_visibility
        self._lefts = {pair[0] for pair in landmarks.PAIRS}
        self._rights = {pair[1] for pair in landmarks.PAIRS}

    def _color(self, *indices: int) -> Color:
        left, right, middle = self._colors
        if self._lefts.issuperset(indices):
            return left
        return right if self._rights.issuperset(indices) else middle

    def annotate(self, picture: np.ndarray, pose: Pose) -> np.ndarray:
        """Draws `pose` on a BGR picture, uint8, shape (height, width, 3); nothing where nobody is in view."""
        import cv2

        if not pose.detected:
            return picture
        height, width = picture.shape[:2]
        thickness = max(1, round(_unit_px(picture) / 7))
        # Landmarks may lie outside of the picture, but not so far that drawing overflows.
        points = [tuple(int(v) for v in p) for p in np.clip(pose.image[:, :2], -4, 5) * (width, height)]
        shown = pose.visibility >= self._min_visibility
        for start, end in landmarks.EDGES:
            if shown[start] and shown[end]:
                # Dark below bright is seen on any ground.
                cv2.line(picture, points[start], points[end], _DARK, thickness + 2, cv2.LINE_AA)
                cv2.line(picture, points[start], points[end], self._color(start, end), thickness, cv2.LINE_AA)
        for index, point in enumerate(points):
            # The face's eleven landmarks would be one blot.
            if shown[index] and index > 10:
                cv2.circle(picture, point, thickness + 2, _DARK, -1, cv2.LINE_AA)
                cv2.circle(picture, point, thickness + 1, self._color(index), -1, cv2.LINE_AA)
        return picture


class AnswerAnnotator:
    """Draws a panel with the exercise, its probability, and bars of the likeliest exercises."""

    def __init__(self, labels: Sequence[str], num_bars: int = 3, accent: Color = _ACCENT, opacity: float = 0.8):
        """Chooses how many bars, their colour, and how much of the picture shows through the panel.

        Args:
          labels: in the order of a recognition's probabilities.
          num_bars: at most; as many as there are labels where those are fewer.
          accent: the likeliest one's colour.
          opacity: of the panel's ground, 0 to 1.
        """
        self._labels = [label.replace("_", " ") for label in labels]
        self._num_bars = min(num_bars, len(labels))
        self._accent, self._opacity = accent, opacity
        self._font: Any = None

    def annotate(
        self, picture: np.ndarray, recognition: Recognition, frames_per_second: float | None = None
    ) -> np.ndarray:
        """Draws the answer on a BGR picture, uint8, shape (height, width, 3).

        Args:
          picture: what to draw on.
          recognition: what is known after this frame.
          frames_per_second: shown at the panel's top right; left out where None.
        """
        import cv2

        # Loading takes 30 ms, once.
        self._font = self._font or cv2.FontFace("sans")
        unit = _unit_px(picture)
        height, width = picture.shape[:2]
        left, top = unit // 2, unit // 2
        right = min(width - left, left + 15 * unit)
        known = recognition.probabilities is not None
        bottom = min(height, top + round(2.3 * unit + (1.35 * unit * self._num_bars if known else 0)))
        ground = picture[top:bottom, left:right]
        ground[:] = cv2.addWeighted(ground, 1 - self._opacity, np.full_like(ground, _DARK), self._opacity, 0)

        def text(words: str, x: float, y: float, size: float, weight: int, color: Color, align: str = "left") -> None:
            if align == "right":
                x -= cv2.getTextSize((width, height), words, (0, 0), self._font, round(size), weight)[2]
            cv2.putText(picture, words, (round(x), round(y)), color, self._font, round(size), weight)

        if recognition.exercise is not None:
            title, color = recognition.exercise.replace("_", " "), _WHITE
        else:
            title, color = ("watching …" if recognition.pose.detected else "nobody in view"), _GREY
        text(title, left + 0.6 * unit, top + 1.55 * unit, 1.35 * unit, 600, color)
        if frames_per_second is not None:
            text(f"{frames_per_second:.0f} fps", right - 0.5 * unit, top + 1.0 * unit, 0.65 * unit, 400, _GREY, "right")
        if recognition.probabilities is None:
            return picture
        bar_left, bar_right = left + 7.2 * unit, right - 2.6 * unit
        for place, index in enumerate(np.argsort(-recognition.probabilities)[: self._num_bars]):
            probability = float(recognition.probabilities[index])
            middle = top + (2.75 + 1.35 * place) * unit
            color, name_color = (self._accent, _WHITE) if place == 0 else (_GREY, _GREY)
            text(self._labels[index], left + 0.6 * unit, middle + 0.28 * unit, 0.8 * unit, 500, name_color)
            length = max(0.0, bar_right - bar_left)
            for share, bar_color in ((1.0, _TRACK), (probability, color)):
                corners = (
                    (round(bar_left), round(middle - 0.25 * unit)),
                    (round(bar_left + length * share), round(middle + 0.25 * unit)),
                )
                cv2.rectangle(picture, *corners, bar_color, -1)
            text(f"{probability:.0%}", right - 0.5 * unit, middle + 0.28 * unit, 0.8 * unit, 500, color, "right")
        return picture
