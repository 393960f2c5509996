"""Files that several processes rewrite, each from what is there: none loses what another one wrote."""

import contextlib
import fcntl
import json
import os
import pathlib
import random
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator

from beam_jobs import storage
from beam_jobs.errors import UserError

# In a store: how often another process may come first.
_NUM_TRIES = 30


def update_file(path: str, write: Callable[[str | None, str], None]) -> None:
    """Rewrites a whole file from what is there, as one step: of several processes that do so, each sees the others'.

    On a local disk they wait for each other. (The system ends the wait when a process dies. Some network disks know no
    such wait; there the processes have to come one after the other.) In a store, a process whose file was rewritten
    meanwhile is refused by the store, and tries again from what is there then.

    Args:
      path: local or gs://.
      write: called with a local copy of the file, None where there is none, and a local path to write the new one to;
        in a store perhaps more than once.

    Raises:
      UserError: if others came first again and again, in a store.
    """
    if not storage.is_remote(path):
        local = path.removeprefix("file://")
        with _locked_folder(os.path.dirname(local)), storage.atomic_file(path) as target:
            write(local if os.path.exists(local) else None, target)
        return
    for attempt in range(_NUM_TRIES):
        with contextlib.suppress(FileExistsError), tempfile.TemporaryDirectory() as folder:
            former, target = os.path.join(folder, "former"), os.path.join(folder, "new")
            generation = _download(path, former)
            try:
                write(former if generation != "0" else None, target)
            except Exception:
                if (state_of(path) or "0") != generation:  # copied while it was replaced
                    raise FileExistsError(path) from None
                raise
            _upload(target, path, generation)
            return
        time.sleep(random.uniform(0, min(2.0, 0.1 * 2**attempt)))
    raise UserError(
        f"{path} was rewritten by other jobs {_NUM_TRIES} times while this one tried to. Run the same command again "
        "when fewer jobs write to that folder."
    )


@contextlib.contextmanager
def _locked_folder(folder: str) -> Iterator[None]:
    """Lets one process at a time in. The folder itself is what is locked: no file is left."""
    os.makedirs(folder or ".", exist_ok=True)
    descriptor = os.open(folder or ".", os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a disk that knows no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _download(path: str, local: str) -> str:
    """Copies an object to a local file; returns its generation, "0" where there is none.

    Raises:
      FileExistsError: if it was replaced meanwhile.
    """
    fs, name = storage.filesystem(path)
    fs.invalidate_cache()
    try:
        generation = str(fs.info(name)["generation"])
    except FileNotFoundError:
        return "0"
    try:
        fs.get_file(name, local)
    except FileNotFoundError:
        raise FileExistsError(path) from None
    return generation


def _upload(local: str, path: str, generation: str) -> None:
    """Uploads a file in the place of one generation of an object.

    Raises:
      FileExistsError: if another generation is there by now.
    """
    fs, name = storage.filesystem(path)
    bucket, _, key = name.partition("/")
    # GCS's client takes such a condition for "no object" alone, so the request is written here. It is one request even
    # for a large file: the store compares when it takes it.
    boundary = uuid.uuid4().hex
    body = b"".join(
        (
            f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".encode(),
            json.dumps({"name": key}).encode(),
            f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n".encode(),
            pathlib.Path(local).read_bytes(),
            f"\r\n--{boundary}--".encode(),
        )
    )
    fs.call(
        "POST",
        f"{fs._location}/upload/storage/v1/b/{bucket}/o",
        uploadType="multipart",
        ifGenerationMatch=generation,
        headers={"Content-Type": f'multipart/related; boundary="{boundary}"'},
        data=body,
    )
    fs.invalidate_cache()


def state_of(path: str) -> str | None:
    """Which content of a path is there: changes with each rewriting; None where nothing is."""
    if not storage.is_remote(path):
        try:
            found = os.stat(path.removeprefix("file://"))
        except FileNotFoundError:
            return None
        return f"{found.st_ino} {found.st_mtime_ns} {found.st_size}"
    fs, name = storage.filesystem(path)
    fs.invalidate_cache()
    try:
        return str(fs.info(name)["generation"])
    except FileNotFoundError:
        return None


def remove_if_still(path: str, state: str) -> bool:
    """Removes a file unless it was rewritten since its state was read; returns whether it was removed by this call."""
    if state_of(path) != state:
        return False
    if not storage.is_remote(path):
        storage.remove(path)
        return True
    fs, name = storage.filesystem(path)
    bucket, _, key = name.partition("/")
    try:
        fs.call("DELETE", "b/{}/o/{}", bucket, key, ifGenerationMatch=state)
    except (FileExistsError, FileNotFoundError):  # rewritten, or removed, in this moment
        return False
    fs.invalidate_cache()
    return True
