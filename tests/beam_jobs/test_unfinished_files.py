"""Hidden files of processes that were stopped in the middle of a file."""

import os

import pytest

from beam_jobs import unfinished_files


def test_what_this_job_or_an_old_one_left_is_removed(tmp_path):
    stale, fresh, new = (tmp_path / f".{digit * 32}.x.parquet" for digit in "012")
    own = tmp_path / ".own.parquet"
    for file in (stale, fresh, own):
        file.touch()
    os.utime(stale, (1, 1))
    os.utime(own, (1, 1))
    unfinished_files.remove_stale(str(tmp_path))
    with pytest.raises(KeyboardInterrupt), unfinished_files.none_left(str(tmp_path)):
        assert sorted(tmp_path.iterdir()) == sorted([fresh, own])
        for file in (new, tmp_path / "whole.parquet"):
            file.touch()
        raise KeyboardInterrupt
    # What is fresh may be another job's.
    assert sorted(tmp_path.iterdir()) == sorted([fresh, own, tmp_path / "whole.parquet"])
    with unfinished_files.none_left(str(tmp_path / "not_there")):
        unfinished_files.remove_stale(str(tmp_path / "not_there"))
