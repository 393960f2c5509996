"""What `storage.atomic_file` leaves where a process is stopped in the middle of it: hidden files, to be removed."""

import contextlib
import os
import pathlib
import re
import time
import uuid
from collections.abc import Iterator, Sequence

from beam_jobs import storage


def _unfinished(folders: Sequence[str]) -> set[pathlib.Path]:
    """The hidden files that `atomic_file` is writing below local folders, or that a process was killed over."""
    return {
        file
        for folder in folders
        if not storage.is_remote(folder)
        for file in pathlib.Path(folder.removeprefix("file://")).rglob(".*")
        if re.fullmatch(r"\.[0-9a-f]{32}\..+", file.name)
    }


def remove_stale(*folders: str, older_than_s: float = 600.0) -> None:
    """Removes what `atomic_file` of a killed process left below local folders: hidden, and untouched for long."""
    for file in _unfinished(folders):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - file.stat().st_mtime > older_than_s:
                file.unlink()


@contextlib.contextmanager
def none_left(*folders: str) -> Iterator[None]:
    """While this job's processes write whole files below folders; those of other jobs may write there, too.

    Such a process may be stopped in the middle of `atomic_file`: at the end, what it left is removed. Processes that
    are started within the block know the job by its mark in their environment.
    """
    former, mark = os.environ.get(storage.JOB_MARK), uuid.uuid4().hex[:12]
    os.environ[storage.JOB_MARK] = mark
    try:
        yield
    finally:
        if former is None:
            del os.environ[storage.JOB_MARK]
        else:
            os.environ[storage.JOB_MARK] = former
        for file in _unfinished(folders):
            if file.name.startswith(f".{mark}"):
                file.unlink(missing_ok=True)
