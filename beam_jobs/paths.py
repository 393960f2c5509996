"""Paths and file systems: a local disk and GCS by the same functions. Files are listed here, not read."""

import os
from collections.abc import Iterator
from typing import Any

import fsspec

_HIDDEN = (".", "_")


def is_remote(path: str) -> bool:
    """Whether a path names a store (gs://…) and not the local disk."""
    return "://" in path and not path.startswith("file://")


def join(base: str, *parts: str) -> str:
    """Joins path parts with '/', for local paths and URLs alike."""
    return "/".join([base.rstrip("/"), *(part.strip("/") for part in parts)]) if base != "/" else "/" + "/".join(parts)


def filesystem(path: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system of a path and the path's name in it."""
    # Not fsspec's url_to_fs: that takes "::" in a name for a chain of file systems.
    fs = fsspec.filesystem(path.partition("://")[0] if "://" in path else "file")
    return fs, fs._strip_protocol(path)


def exists(path: str) -> bool:
    """Whether there is a file or a folder at `path`."""
    fs, name = filesystem(path)
    return fs.exists(name)


def written_at_s(path: str) -> float:
    """When a file was written, in seconds since 1970; 0 where there is none."""
    fs, name = filesystem(path)
    try:
        return fs.modified(name).timestamp()
    except FileNotFoundError:
        return 0.0


def is_folder(path: str) -> bool:
    """Whether `path` is a folder (in GCS: a prefix with something below it)."""
    fs, name = filesystem(path)
    if not is_remote(path):
        return fs.isdir(name)
    try:  # isdir says no where access is refused, too
        return fs.info(name)["type"] == "directory"
    except FileNotFoundError:
        return False


def list_files(folder: str, suffix: str = "") -> list[str]:
    """Every file below a folder, sorted, as full paths; none where the folder does not exist. Hidden names excluded."""
    fs, name = filesystem(folder)
    # A listing cached by GCS's client would hide what was written meanwhile, even that the folder is there.
    fs.invalidate_cache()
    if not is_folder(folder):
        return []
    found = (path for path in fs.find(name) if path.endswith(suffix))
    return sorted(
        fs.unstrip_protocol(path) if is_remote(folder) else path
        for path in found
        if not any(part.startswith(_HIDDEN) for part in _below(name, path).split("/"))
    )


def relative_path(folder: str, file: str) -> str:
    """A file's path from a folder above it, however both are spelled: relative, absolute, or as a URL."""
    return _below(filesystem(folder)[1], filesystem(file)[1])


def _below(root: str, name: str) -> str:
    return name[len(root.rstrip("/")) + 1 :]


def file_names(folder: str, prefix: str = "") -> Iterator[str]:
    """The names of the files in a folder, in any order, one after the other: no list of all is made.

    Args:
      folder: local or gs://; none where it does not exist. Folders in it and hidden names are left out.
      prefix: what the names begin with.
    """
    fs, name = filesystem(folder)
    if not is_remote(folder):
        if os.path.isdir(name):
            with os.scandir(name) as entries:
                found = (entry.name for entry in entries if entry.name.startswith(prefix) and entry.is_file())
                yield from (file for file in found if not file.startswith(_HIDDEN))
        return
    bucket, _, key = name.partition("/")
    start = f"{key.rstrip('/')}/" if key else ""
    token: str | None = ""
    while token is not None:
        page = _page(fs, bucket, start + prefix, token)
        found = (item["name"][len(start) :] for item in page.get("items", ()))
        yield from (file for file in found if file and "/" not in file and not file.startswith(_HIDDEN))
        token = page.get("nextPageToken")


def _page(fs: Any, bucket: str, prefix: str, token: str) -> dict:
    """A page of a bucket's listing. GCS's client has but a listing that holds all objects with all they say."""
    fields = "items(name),nextPageToken"
    arguments = {"pageToken": token} if token else {}
    return fs.call("GET", "b/{}/o", bucket, prefix=prefix, fields=fields, json_out=True, **arguments)
