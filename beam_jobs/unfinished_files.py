"""What `storage.atomic_file` leaves where a process is stopped in the middle of it: hidden files, to be removed."""

import contextlib
import pathlib
import re
import time
from collections.abc import Iterator

from beam_jobs import storage


def _unfinished(folder: str) -> set[pathlib.Path]:
    """The hidden files that `atomic_file` is writing in a local folder, or that a process was killed over."""
    if storage.is_remote(folder):
        return set()
    return {
        file
        for file in pathlib.Path(folder.removeprefix("file://")).glob(".*")
        if re.fullmatch(r"\.[0-9a-f]{32}\..+", file.name)
    }


def remove_stale(folder: str, older_than_s: float = 600.0) -> None:
    """Removes what `atomic_file` of a killed process left in a local folder: hidden, and untouched for long."""
    for file in _unfinished(folder):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - file.stat().st_mtime > older_than_s:
                file.unlink()


@contextlib.contextmanager
def none_left(folder: str) -> Iterator[None]:
    """While other processes of this job, and of no other one, write whole files to a folder.

    Such a process may be stopped in the middle of `atomic_file`: at the end, what it left is removed.
    """
    before = _unfinished(folder)
    try:
        yield
    finally:
        for file in _unfinished(folder) - before:
            file.unlink(missing_ok=True)
