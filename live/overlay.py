"""What is drawn over a frame: annotators with their configuration in `__init__` and one `annotate`.

Each draws on the picture that it is given and returns it. Colours are BGR. Sizes follow the picture's.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from beam_jobs import landmarks
from beam_jobs.pose.estimator import Pose
from beam_jobs.taxonomy import shown_name
from live.outputs import STATUS_WORDS, amount
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
_ADVICE: Color = (90, 200, 255)


def _unit_px(picture: np.ndarray) -> int:
    """The size that all others are multiples of: about a text line's height."""
    return max(9, min(36, round(min(picture.shape[:2]) / 22)))


def mirror(picture: np.ndarray) -> np.ndarray:
    """The picture as in a mirror: left and right exchanged; uint8, shape (height, width, 3)."""
    import cv2

    return cv2.flip(picture, 1)


class SkeletonAnnotator:
    """Draws a person's landmarks and the lines between them; the person's left in one colour, the right in another."""

    def __init__(
        self, left: Color = _LEFT, right: Color = _RIGHT, middle: Color = _MIDDLE, min_visibility: float = 0.5
    ) -> None:
        """Chooses colours, and how visible a landmark must be to be drawn (a probability)."""
        self._colors = left, right, middle
        self._min_visibility = min_visibility
        self._lefts = {pair[0] for pair in landmarks.LEFT_RIGHT_PAIRS}
        self._rights = {pair[1] for pair in landmarks.LEFT_RIGHT_PAIRS}

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
        for start, end in landmarks.CONNECTIONS:
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


class PictureAnnotator:
    """Draws all that live shows: skeletons, and what is known; near each person where there are several."""

    def __init__(self, labels: Sequence[str], mirrored: bool = False, several: bool = False) -> None:
        """Chooses what is drawn.

        Args:
          labels: in the order of a recognition's probabilities.
          mirrored: exchange left and right, as in a mirror, before text is written.
          several: answers stand near their people.
        """
        self._skeleton, self._answer, self._name = SkeletonAnnotator(), AnswerAnnotator(labels), NameAnnotator(labels)
        self._mirrored, self._several = mirrored, several

    def annotate(
        self, picture: np.ndarray, recognitions: Sequence[Recognition], frames_per_second: float | None = None
    ) -> np.ndarray:
        """Draws on a BGR picture, uint8, shape (height, width, 3); `recognitions` has one or more."""
        for recognition in recognitions:
            picture = self._skeleton.annotate(picture, recognition.pose)
        if self._mirrored:
            picture = mirror(picture)
        if not self._several or recognitions[0].person is None:
            return self._answer.annotate(picture, recognitions[0], frames_per_second)
        for recognition in recognitions:
            picture = self._name.annotate(picture, recognition, self._mirrored)
        return picture


# Text sizes and distances in a panel, in units.
_TITLE, _NAME, _SMALL = 1.35, 0.8, 0.65
_MARGIN, _GAP, _ROW = 0.6, 0.5, 1.35
# Of a line's width: what a name may take before it is made smaller.
_MAX_NAME_SHARE = 0.55


def _title(recognition: Recognition) -> tuple[str, Color]:
    """The exercise and how much of it, or why there is none; with its colour."""
    if recognition.status != "exercise":
        return STATUS_WORDS[recognition.status], _GREY
    title = shown_name(str(recognition.exercise))
    if done := amount(recognition.repetitions, recognition.held_s):
        title += f"  {done.split()[0]}{' s' if recognition.held_s is not None else ''}"
    return title, _WHITE


class _TextAnnotator:
    """Writes text, in the labels' words."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = [shown_name(label) for label in labels]
        self._loaded: Any = None
        # (size, weight) -> the widest label's width: measuring all of them takes too long for every frame.
        self._widest_px: dict[tuple[int, int], int] = {}

    @property
    def _font(self) -> Any:
        import cv2

        # Loading takes 30 ms, once.
        self._loaded = self._loaded or cv2.FontFace("sans")
        return self._loaded

    def _width(self, words: str, size_px: int, weight: int) -> int:
        import cv2

        return cv2.getTextSize((1, 1), words, (0, 0), self._font, size_px, weight)[2]

    def _widest(self, size_px: int, weight: int) -> int:
        key = size_px, weight
        if key not in self._widest_px:
            self._widest_px[key] = max(self._width(label, size_px, weight) for label in self._labels)
        return self._widest_px[key]

    def _write(
        self,
        picture: np.ndarray,
        words: str,
        where: tuple[float, float],
        size: float,
        weight: int,
        color: Color,
        room_px: float,
        at_right: bool = False,
    ) -> None:
        """Writes a line from `where` (the baseline's left end) on, smaller where there is less room than it takes."""
        import cv2

        size_px = max(1, round(size))
        width_px = self._width(words, size_px, weight)
        while width_px > room_px and size_px > 1:
            size_px = max(1, min(size_px - 1, int(size_px * room_px / width_px)))
            width_px = self._width(words, size_px, weight)
        x, y = where[0] + (room_px - width_px if at_right else 0), where[1]
        cv2.putText(picture, words, (round(x), round(y)), color, self._font, size_px, weight)


class AnswerAnnotator(_TextAnnotator):
    """Draws a panel with the exercise, bars of the likeliest exercises, and the frames a second.

    The panel is as wide as the longest label asks for; in a picture that is too narrow for it, text is made smaller.
    """

    def __init__(self, labels: Sequence[str], num_bars: int = 3, accent: Color = _ACCENT, opacity: float = 0.8):
        """Chooses how many bars, their colour, and how much of the picture shows through the panel.

        Args:
          labels: in the order of a recognition's probabilities.
          num_bars: at most; as many as there are labels where those are fewer.
          accent: the likeliest one's colour.
          opacity: of the panel's ground, 0 to 1.
        """
        super().__init__(labels)
        self._num_bars = min(num_bars, len(labels))
        self._accent, self._opacity = accent, opacity

    def annotate(
        self, picture: np.ndarray, recognition: Recognition, frames_per_second: float | None = None
    ) -> np.ndarray:
        """Draws the answer on a BGR picture, uint8, shape (height, width, 3).

        Args:
          picture: what to draw on.
          recognition: what is known after this frame.
          frames_per_second: shown on the panel's last line; left out where None.
        """
        import cv2

        unit = _unit_px(picture)
        height, width = picture.shape[:2]
        edge = unit // 2
        name_px = self._widest(round(_NAME * unit), 500)
        percent_px = self._width("100%", round(_NAME * unit), 500)
        widest_px = max(
            15 * unit,
            self._widest(round(_TITLE * unit), 600) + 2 * _MARGIN * unit,
            name_px + percent_px + (5 + 2 * _GAP + 2 * _MARGIN) * unit,
        )
        right = min(width - edge, edge + round(widest_px))
        num_bars = self._num_bars if recognition.probabilities is not None else 0
        num_small = 0 if frames_per_second is None else 1
        num_small += recognition.hint is not None
        bottom = min(height, edge + round((2.2 + _ROW * num_bars + 1.1 * num_small) * unit))
        ground = picture[edge:bottom, edge:right]
        ground[:] = cv2.addWeighted(ground, 1 - self._opacity, np.full_like(ground, _DARK), self._opacity, 0)

        left_px, right_px = edge + _MARGIN * unit, right - _MARGIN * unit
        title, color = _title(recognition)
        self._write(picture, title, (left_px, edge + 1.55 * unit), _TITLE * unit, 600, color, right_px - left_px)
        if recognition.probabilities is not None:
            name_px = min(name_px, _MAX_NAME_SHARE * (right_px - left_px))
            percent_px = min(percent_px, (1 - _MAX_NAME_SHARE) / 2 * (right_px - left_px))
            bar_left, bar_right = left_px + name_px + _GAP * unit, right_px - percent_px - _GAP * unit
            for place, index in enumerate(np.argsort(-recognition.probabilities)[:num_bars]):
                probability = float(recognition.probabilities[index])
                middle = edge + (2.75 + _ROW * place) * unit
                base = middle + 0.28 * unit
                color, name_color = (self._accent, _WHITE) if place == 0 else (_GREY, _GREY)
                self._write(picture, self._labels[index], (left_px, base), _NAME * unit, 500, name_color, name_px)
                for share, bar_color in ((1.0, _TRACK), (probability, color)):
                    end = bar_left + max(0.0, bar_right - bar_left) * share
                    upper_left = round(bar_left), round(middle - 0.25 * unit)
                    lower_right = round(end), round(middle + 0.25 * unit)
                    cv2.rectangle(picture, upper_left, lower_right, bar_color, -1)
                where = (right_px - percent_px, base)
                self._write(picture, f"{probability:.0%}", where, _NAME * unit, 500, color, percent_px, at_right=True)
        base = edge + (2.75 + _ROW * num_bars) * unit
        if recognition.hint is not None:
            self._write(picture, recognition.hint, (left_px, base), _SMALL * unit, 500, _ADVICE, right_px - left_px)
            base += 1.1 * unit
        if frames_per_second is not None:
            words = f"{frames_per_second:.0f} frames/s"
            self._write(picture, words, (left_px, base), _SMALL * unit, 400, _GREY, right_px - left_px)
        return picture


class NameAnnotator(_TextAnnotator):
    """Draws a person's number and answer above the person's head, and advice below it."""

    def annotate(self, picture: np.ndarray, recognition: Recognition, mirrored: bool = False) -> np.ndarray:
        """Draws on a BGR picture, uint8, shape (height, width, 3); nothing while the person is out of sight.

        Args:
          picture: what to draw on.
          recognition: what is known of the person.
          mirrored: the picture's left and right were exchanged.
        """
        import cv2

        if not recognition.pose.detected:
            return picture
        unit = _unit_px(picture)
        height, width = picture.shape[:2]
        title, color = _title(recognition)
        lines = [(f"{recognition.person}  {title}", _NAME, color)]
        if recognition.hint is not None and recognition.status != "too_dark":
            lines.append((recognition.hint, _SMALL, _ADVICE))
        across = float(np.clip(recognition.pose.image[:, 0].mean(), 0, 1))
        room_px = width - 2 * _MARGIN * unit
        text_px = min(room_px, max(self._width(words, round(size * unit), 600) for words, size, _ in lines))
        box_px, box_height = text_px + 2 * _MARGIN * unit, _ROW * unit * len(lines) + 0.4 * unit
        left = np.clip((1 - across if mirrored else across) * width - box_px / 2, 0, max(0, width - box_px))
        head = np.clip(recognition.pose.image[:, 1].min(), 0, 1) * height
        top = np.clip(head - box_height - unit, 0, max(0, height - box_height))
        upper, lower = (round(left), round(top)), (round(left + box_px), round(top + box_height))
        cv2.rectangle(picture, upper, lower, _DARK, -1)
        for place, (words, size, line_color) in enumerate(lines):
            where = left + _MARGIN * unit, top + (1.1 + _ROW * place) * unit
            self._write(picture, words, where, size * unit, 600, line_color, text_px + 1)
        return picture
