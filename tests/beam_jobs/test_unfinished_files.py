"""Hidden files of processes that were stopped in the middle of a file."""

import os
import subprocess
import sys

import pytest
from commands import REPOSITORY

from beam_jobs import storage, unfinished_files

KILLED = """
import os, pathlib, signal, sys
from beam_jobs import storage
with storage.atomic_file(sys.argv[1]) as path:
    pathlib.Path(path).touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_this_job_or_an_old_one_left_is_removed(tmp_path):
    stale, fresh, of_another_job = (tmp_path / f".{digit * 32}.x.parquet" for digit in "012")
    own = tmp_path / ".own.parquet"
    for file in (stale, fresh, own):
        file.touch()
    os.utime(stale, (1, 1))
    os.utime(own, (1, 1))
    unfinished_files.remove_stale(str(tmp_path))
    with pytest.raises(KeyboardInterrupt), unfinished_files.none_left(str(tmp_path)):
        assert sorted(tmp_path.iterdir()) == sorted([fresh, own])
        of_another_job.touch()
        storage.write_text(str(tmp_path / "whole.parquet"), "")
        # A worker of this job, killed in the middle of a file.
        subprocess.run([sys.executable, "-c", KILLED, tmp_path / "x.parquet"], cwd=REPOSITORY, check=False)
        assert len(list(tmp_path.iterdir())) == 5
        raise KeyboardInterrupt
    assert sorted(tmp_path.iterdir()) == sorted([fresh, own, of_another_job, tmp_path / "whole.parquet"])
    assert storage.JOB_MARK not in os.environ
    with unfinished_files.none_left(str(tmp_path / "not_there")):
        unfinished_files.remove_stale(str(tmp_path / "not_there"))
