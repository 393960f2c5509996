"""A TensorFlow SavedModel: loading it from a folder of any name, and its hash."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

from beam_jobs import storage
from beam_jobs.tensorflow_import import import_tensorflow

# TensorFlow looks for a SavedModel's variables by a file pattern made of the path. There these are no letters.
_PATTERN_SIGNS = frozenset("*?[]\\")


def sha256(folder: str) -> str:
    """A hash of a SavedModel: of its files' names and contents."""
    digest = hashlib.sha256()
    for file in storage.list_files(folder):
        with storage.open_input(file) as source:
            content = hashlib.sha256(source.read()).hexdigest()
        digest.update(f"{storage.relative_path(folder, file)} {content}\n".encode())
    return digest.hexdigest()


def load(folder: str) -> Any:
    r"""Loads a SavedModel, as `tf.saved_model.load` does, also where the path has signs of a file pattern.

    Args:
      folder: local; `a [v2]` and `a\b` are names like others.
    """
    tf = import_tensorflow()
    with _plain_path(folder) as path:
        return tf.saved_model.load(path)


@contextlib.contextmanager
def _plain_path(folder: str) -> Iterator[str]:
    """Another path of the folder, without signs of a pattern; the folder's own where it has none."""
    if not _PATTERN_SIGNS & set(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        path = os.path.join(temporary, "saved_model")
        try:
            os.symlink(os.path.abspath(folder), path)
        except OSError:  # Windows lets few people make links
            shutil.copytree(folder, path)
        yield path
