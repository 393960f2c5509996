"""What is drawn, and that nothing else is touched."""

import cv2
import numpy as np
import pytest

from beam_jobs import landmarks
from beam_jobs.pose import estimator
from beam_jobs.taxonomy import shown_name
from live import overlay, recognizer

LABELS = ("squat", "push_up", "lunge", "jumping_jack")


def someone(visible=()):
    """A pose whose landmarks lie on a grid over the whole picture, some of them visible."""
    image = np.zeros((33, 3), np.float32)
    image[:, 0] = np.arange(33) % 6 / 6 + 1 / 12
    image[:, 1] = np.arange(33) // 6 / 6 + 1 / 12
    visibility = np.zeros(33, np.float32)
    visibility[list(visible)] = 1
    return estimator.Pose(image.copy(), image, visibility, visibility)


def recognition(found, probabilities=None, labels=LABELS):
    best = None if probabilities is None else int(np.argmax(probabilities))
    return recognizer.Recognition(
        timestamp_ms=0,
        person=0,
        exercise=None if best is None else labels[best],
        probability=None if best is None else probabilities[best],
        probabilities=None if best is None else np.array(probabilities, np.float32),
        due=True,
        pose=found,
        features=np.zeros(189, np.float32),
    )


class TestSkeleton:
    def test_visible_landmarks_and_their_edges_are_drawn(self):
        left_arm = (landmarks.LEFT_SHOULDER, landmarks.LEFT_ELBOW)
        picture = overlay.SkeletonAnnotator(left=(0, 0, 255)).annotate(
            np.zeros((600, 600, 3), np.uint8), someone(left_arm)
        )
        red = picture[..., 2] > 200
        for index in left_arm:
            x, y = (someone().image[index, :2] * 600).astype(int)
            assert red[y, x]
        # Half-way from the shoulder (5, 1) to the elbow (1, 2), in cells of 100.
        assert red[200, 350]

    def test_hidden_landmarks_are_not(self):
        picture = overlay.SkeletonAnnotator().annotate(np.zeros((600, 600, 3), np.uint8), someone())
        assert not picture.any()

    def test_nobody_is_nothing(self):
        picture = overlay.SkeletonAnnotator().annotate(np.zeros((600, 600, 3), np.uint8), estimator.nobody())
        assert not picture.any()

    def test_landmarks_far_outside_are_no_error(self):
        found = someone(range(33))
        found.image[:] = 1e9
        overlay.SkeletonAnnotator().annotate(np.zeros((60, 60, 3), np.uint8), found)


class TestAnswer:
    @staticmethod
    def bar_length(probability):
        annotator = overlay.AnswerAnnotator(LABELS, num_bars=1, accent=(0, 255, 0))
        picture = np.zeros((480, 640, 3), np.uint8)
        annotator.annotate(picture, recognition(someone(), [probability, 0, 0, 0]))
        pure = (picture == (0, 255, 0)).all(axis=2)
        # The longest run: the figure beside it has the same colour.
        return max(len(run) for row in pure for run in bytes(row).split(b"\0"))

    def test_a_bar_is_as_long_as_its_probability(self):
        whole = self.bar_length(1.0)
        assert whole > 50
        assert self.bar_length(0.5) == pytest.approx(whole / 2, abs=3)

    @pytest.mark.parametrize("size", [(480, 640), (640, 360), (90, 64), (2160, 3840), (16, 16)])
    @pytest.mark.parametrize("probabilities", [None, [0.9, 0.05, 0.03, 0.02]])
    def test_any_size_works_in_place(self, size, probabilities):
        picture = np.full((*size, 3), 100, np.uint8)
        done = overlay.AnswerAnnotator(LABELS).annotate(picture, recognition(someone(), probabilities), 14.6)
        assert done is picture
        assert done.shape == (*size, 3)
        assert (picture != 100).any()

    def test_the_picture_below_the_panel_stays(self):
        picture = np.full((480, 640, 3), 100, np.uint8)
        overlay.AnswerAnnotator(LABELS).annotate(picture, recognition(someone(), [0.9, 0.1, 0, 0]), 15)
        assert (picture[240:] == 100).all()

    @pytest.mark.parametrize("size", [(480, 640), (640, 360), (240, 320), (120, 160), (1080, 1920)])
    @pytest.mark.parametrize("longest", ["front_lateral_raise", "a_label_that_is_longer_than_any_exercise_there_is"])
    def test_nothing_covers_anything(self, monkeypatch, size, longest):
        """No bar lies in a text's box, no text in another's, and all are inside of the picture."""
        texts, bars = [], []
        put_text, rectangle = cv2.putText, cv2.rectangle

        def noted_text(picture, words, where, color, font, size_px, weight):
            texts.append((words, cv2.getTextSize((1, 1), words, where, font, size_px, weight)))
            return put_text(picture, words, where, color, font, size_px, weight)

        def noted_bar(picture, upper_left, lower_right, *rest):
            (left, top), (right, bottom) = upper_left, lower_right
            bars.append((left, top, right - left + 1, bottom - top + 1))
            return rectangle(picture, upper_left, lower_right, *rest)

        monkeypatch.setattr(cv2, "putText", noted_text)
        monkeypatch.setattr(cv2, "rectangle", noted_bar)
        labels = ("squat", longest, "mountain_climber", "push_up")
        found = recognition(someone(), [0.0, 1.0, 0.0, 0.0], labels)
        overlay.AnswerAnnotator(labels).annotate(np.zeros((*size, 3), np.uint8), found, 14.6)

        title = shown_name(longest)
        assert [words for words, _ in texts][:3] == [title, title, "100%"]
        assert texts[-1][0] == "15 frames/s"
        assert len(bars) == 6
        boxes = [box for _, box in texts]
        overlaps = [
            (one, other)
            for position, one in enumerate(boxes)
            for other in [*boxes[position + 1 :], *bars]
            if one[0] < other[0] + other[2]
            and other[0] < one[0] + one[2]
            and one[1] < other[1] + other[3]
            and other[1] < one[1] + one[3]
        ]
        assert overlaps == []
        assert all(x >= 0 and y >= 0 and x + w <= size[1] and y + h <= size[0] for x, y, w, h in [*boxes, *bars])
        # The whole bar is a bar and no dot.
        assert bars[0][2] > 0.15 * min(size[1], 15 * size[0] / 22)

    def test_fewer_labels_than_bars(self):
        picture = np.full((480, 640, 3), 100, np.uint8)
        overlay.AnswerAnnotator(("squat",), num_bars=5).annotate(picture, recognition(someone(), [1.0]))


def test_a_mirror_exchanges_left_and_right():
    picture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    assert (overlay.mirror(picture) == picture[:, ::-1]).all()
