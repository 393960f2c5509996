"""Videos of a store on the local disk: one folder for each, bounded by what is free, and emptied whatever happens.

A process that is killed cannot remove its folder; the next one that fetches a video does. Which process is alive is
seen by a lock that the system releases with it.
"""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from beam_jobs import storage
from beam_jobs.video.frames import VideoError

try:
    import fcntl
except ImportError:  # not on Windows: there, what killed processes leave stays
    fcntl = None  # type: ignore[assignment]

TOO_LARGE = "too_large"
_LOCK = ".lock"


def root() -> pathlib.Path:
    """The folder of this user's local copies."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return pathlib.Path(tempfile.gettempdir(), f"exercise-recognition-videos-{user}")


@contextlib.contextmanager
def local_copy(path: str) -> Iterator[str]:
    """A local file with the content of `path`: itself where it is local, else a download that is removed afterwards.

    All of it is of one version of the object, also where it is overwritten meanwhile.

    Raises:
      VideoError: TOO_LARGE, if the disk has no room for it.
      FileNotFoundError: if there is no such object, or it is overwritten or removed while it is read.
      OSError: if it may not be read.
    """
    if not storage.is_remote(path):
        yield path.removeprefix("file://")
        return
    fs, name = storage.filesystem(path)
    fs.invalidate_cache()
    found = fs.info(name)
    version = {"generation": found["generation"]} if "generation" in found else {}
    with _own_folder() as folder:
        free = shutil.disk_usage(folder).free
        if found["size"] > free:
            raise VideoError(
                TOO_LARGE,
                f"{path} has {found['size']:,} bytes, and the worker's disk has room for {free:,}. Give workers a "
                "larger disk (Dataflow: --disk_size_gb).",
            )
        local = os.path.join(folder, pathlib.PurePosixPath(path).name)
        fs.get_file(name, local, **version)
        yield local


@contextlib.contextmanager
def _own_folder() -> Iterator[str]:
    """A new folder, locked while it is in use; those of processes that are gone are removed first."""
    root().mkdir(mode=0o700, exist_ok=True)
    with contextlib.ExitStack() as held:
        # One process at a time makes a folder, removes its own, or looks for those that are left: none is taken away
        # before it has its lock, and nothing is put into one that is being removed.
        with _alone():
            _remove_left()
            folder = tempfile.mkdtemp(dir=root())
            _lock(held.enter_context(open(os.path.join(folder, _LOCK), "w")), wait=True)
        try:
            yield folder
        finally:
            with _alone():
                held.close()
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with open(root() / _LOCK, "w") as all_folders:
        _lock(all_folders, wait=True)
        yield


def _lock(file, wait: bool) -> bool:
    """Locks an open file until it is closed or its process ends; False where another process has it."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _remove_left() -> None:
    for folder in root().iterdir():
        with contextlib.suppress(OSError):
            if folder.is_dir():
                with open(folder / _LOCK, "a") as lock:
                    if _lock(lock, wait=False):
                        shutil.rmtree(folder, ignore_errors=True)
