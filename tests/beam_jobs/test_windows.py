import numpy as np
import pytest

from beam_jobs import windows


def picked(timestamps_ms, rate=15.0):
    """(frame_id, index of the frame) of every frame that the grid uses."""
    grid = windows.SamplingGrid(rate)
    ids = [(grid.frame_id(t), index) for index, t in enumerate(timestamps_ms)]
    return [(frame_id, index) for frame_id, index in ids if frame_id is not None]


@pytest.mark.parametrize(("step", "rate"), [(2, 30), (4, 60)])
def test_a_multiple_of_the_grid_uses_every_nth_frame(step, rate):
    times = [round(1000 * index / rate) for index in range(10 * rate)]
    assert picked(times) == [(k, step * k) for k in range(150)]


def test_jitter_of_a_few_milliseconds_changes_nothing():
    rng = np.random.default_rng(0)
    times = np.maximum.accumulate(np.arange(600) * 1000 / 30 + rng.uniform(-7, 7, 600))
    times -= times[0]
    ids = [frame_id for frame_id, _ in picked(times)]
    assert ids == list(range(300))


def test_29_97_fps_fills_the_grid_for_a_minute():
    times = [1001 * index / 30 for index in range(1798)]
    ids = [frame_id for frame_id, _ in picked(times)]
    # 59.993 s of media make 900 cells; 29.97 fps are 0.1 % slow, so that no cell of the first minute is left empty.
    assert ids == list(range(900))


def test_a_slow_source_leaves_gaps_and_shows_no_frame_twice():
    # 10 fps: grid positions 0, 1.5, 3, 4.5, ...: the even ones lie on the grid, the odd ones half-way.
    assert picked([0, 100, 200, 300, 400]) == [(0, 0), (1, 1), (3, 2), (4, 3), (6, 4)]


def test_24_fps_uses_at_most_one_frame_a_cell_and_misses_no_cell():
    ids = [frame_id for frame_id, _ in picked([1000 * index / 24 for index in range(240)])]
    assert ids == list(range(150))


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_the_grid_needs_a_rate(rate):
    with pytest.raises(ValueError, match="frame_rate_hz"):
        windows.SamplingGrid(rate)


def test_history_pads_the_past_with_nan_and_keeps_the_newest_last():
    history = windows.History(3)
    first, times = history.push(np.full((33, 3), 1.0), 10)
    assert np.isnan(first[:2]).all() and (first[2] == 1).all()
    assert times.tolist() == [10, 10, 10]
    history.push(np.full((33, 3), 2.0), 20)
    history.push(np.full((33, 3), 3.0), 30)
    last, times = history.push(np.full((33, 3), 4.0), 40)
    assert last[:, 0, 0].tolist() == [2, 3, 4]
    assert times.tolist() == [20, 30, 40]


def test_histories_of_a_clip_equal_history_row_by_row():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(20, 33, 3)).astype(np.float32)
    rows[5:8] = np.nan
    times = np.cumsum(rng.integers(30, 100, 20))
    history = windows.History()
    expected = [history.push(row, time) for row, time in zip(rows, times, strict=True)]
    stacked, stacked_times = windows.histories(rows, times)
    np.testing.assert_array_equal(stacked, np.stack([landmarks for landmarks, _ in expected]))
    np.testing.assert_array_equal(stacked_times, np.stack([past for _, past in expected]))


def numbered_rows(detected):
    return [(np.full(2, index + 1.0, np.float32), bool(seen)) for index, seen in enumerate(detected)]


def test_windows_end_on_the_stride_and_hold_consecutive_rows():
    rule = windows.WindowRule(length=4, stride=3, min_detected=4)
    found = list(windows.windows(numbered_rows([1] * 10), rule))
    # Ends at 0, 3, 6, 9; the first has too few rows.
    assert [end for end, _ in found] == [3, 6, 9]
    assert found[1][1][:, 0].tolist() == [4, 5, 6, 7]


def test_what_is_missing_is_zero_and_a_window_ends_with_a_person():
    rule = windows.WindowRule(length=4, stride=1, min_detected=2)
    found = dict(windows.windows(numbered_rows([1, 0, 1, 0, 0, 0, 1]), rule))
    assert sorted(found) == [2]  # row 6 has one person in its last four rows; rows 3 to 5 end without one
    assert found[2][:, 0].tolist() == [0, 1, 0, 3]


def test_a_short_clip_is_answered_once_10_rows_are_there():
    found = list(windows.windows(numbered_rows([1] * 20), windows.WindowRule()))
    # Windows may end in rows 0, 3, 6, ...: row 6 has seven rows, row 9 has ten.
    assert [end for end, _ in found] == [9, 12, 15, 18]
    assert found[0][1][:24].tolist() == [[0.0, 0.0]] * 24
    assert found[0][1][24:, 0].tolist() == list(range(1, 11))
    assert list(windows.windows(numbered_rows([1] * 9), windows.WindowRule())) == []


@pytest.mark.parametrize("wrong", [{"min_detected": 35}, {"min_detected": 0}, {"stride": 0}])
def test_a_rule_that_cannot_hold_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        windows.WindowRule(**wrong)
