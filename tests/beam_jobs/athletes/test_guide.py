"""The guide to adding an exercise: its code runs, and its example is the exercise that came in by it."""

import dataclasses
import re

import cv2
import numpy as np
import pytest
from commands import REPOSITORY

from beam_jobs.athletes import catalog
from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase
from beam_jobs.athletes.scene import sample_body

GUIDE = (REPOSITORY / "beam_jobs" / "athletes" / "README.md").read_text(encoding="utf-8")
FUNCTION, PICTURE = re.findall(r"^```python\n(.*?)^```", GUIDE, re.M | re.S)


@pytest.fixture
def example():
    written: dict = {}
    exec(FUNCTION, written)
    return written["calf_raise"]


@pytest.mark.parametrize("varied", [False, True])
def test_the_example_raises_the_heels(example, varied):
    for person in range(6):
        body, style = sample_body(3, person), MovementStyle([3, person], varied)
        low, high = (example(body, style, RepetitionPhase(depth, 0, 0.5)).points for depth in (0, 1))
        for side in ("left", "right"):
            np.testing.assert_allclose(low[f"{side}_toe"], high[f"{side}_toe"], atol=2e-3)
            assert low[f"{side}_heel"][2] > -1e-9
            assert high[f"{side}_heel"][2] > low[f"{side}_heel"][2] + 0.05
        assert high["pelvis"][2] > low["pelvis"][2] + 0.04


def test_the_picture_shows_the_example(example, tmp_path, monkeypatch):
    """The page's function in the catalog, then the page's picture of it."""
    monkeypatch.chdir(tmp_path)
    listed = dataclasses.replace(catalog.EXERCISES["calf_raise"], pose=example)
    monkeypatch.setitem(catalog.EXERCISES, "calf_raise", listed)
    exec(PICTURE, {})
    picture = cv2.imread("look.png")
    assert picture.shape[1] > picture.shape[0]
    assert picture.std() > 10


def test_the_catalog_line_is_the_one_of_the_catalog():
    (line,) = re.findall(r"^    (Exercise\(.*\)),$", GUIDE, re.M)
    name, function, seconds, yaw = re.fullmatch(
        r'Exercise\("(\w+)", ([\w.]+), seconds=\((.*?)\), yaw_degrees=\((.*?)\)\)', line
    ).groups()
    listed = catalog.EXERCISES[name]
    assert function == f"{listed.pose.__module__.rpartition('.')[2]}.{listed.pose.__name__}"
    for text, value in ((seconds, listed.seconds), (yaw, listed.yaw_degrees)):
        assert tuple(float(number) for number in text.split(",")) == value
