"""TensorFlow, imported for programs that load and run graphs: without Keras, which only a trainer needs."""

import contextlib
import importlib.abc
import importlib.machinery
import sys
import threading
import types
from collections.abc import Iterator, Sequence
from typing import Any

from beam_jobs.native_logs import IMPORT_LOCK

_KERAS = ("keras", "tf_keras")


def import_tensorflow() -> Any:
    """TensorFlow; where this is its first import, Keras is not imported with it.

    Measured: 2 s of 5, and 1,700 modules (among them scikit-learn and Matplotlib). Keras can still be imported before
    or after, also as `tf.keras`.
    """
    with IMPORT_LOCK, _without_keras():
        import tensorflow as tf
    return tf


@contextlib.contextmanager
def _without_keras() -> Iterator[None]:
    if "tensorflow" in sys.modules or "keras" in sys.modules:
        yield
        return
    finder = _KerasLater(threading.get_ident())
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _KerasLater(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds Keras, and refuses to run it, in one thread.

    TensorFlow's last step imports Keras, so that optimizers in a SavedModel can be loaded, and goes on where that
    raises ImportError. Before, it asks where Keras is: an answer is needed for a later `import tensorflow.keras`.
    """

    def __init__(self, thread: int) -> None:
        self._thread = thread

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _KERAS or threading.get_ident() != self._thread:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None:
            spec.loader = self
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        # Not in exec_module: by then other threads see the module.
        raise ImportError(f"{spec.name} is imported later, by those that need it")

    def exec_module(self, module: types.ModuleType) -> None:
        raise AssertionError("never called, since no module is made")
