"""The tests on several processes (`pytest -n 2 --dist loadfile`): which process gets what, and what they share."""

import os
import pathlib
import shutil
from collections.abc import Callable

import filelock
import pytest

# Their jobs have setup.py build its archive in the checkout, which two processes may not do at once.
_TOGETHER = ("tests/beam_jobs/dataflow/",)


def unit(nodeid: str) -> str:
    """The file of a test, or the folder whose tests all run in one process, one after the other."""
    path = nodeid.partition("::")[0]
    return next((folder for folder in _TOGETHER if path.startswith(folder)), path)


def scheduler(config: pytest.Config, log) -> object | None:
    """What hands units to processes, in the order of the tests; None where they are to be handed out otherwise."""
    if config.option.dist != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class UnitScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    # Else the units with most tests came first, which are the quickest ones.
    config.option.loadscopereorder = False
    return UnitScheduling(config, log)


def slow_units_first(items: list[pytest.Item]) -> None:
    """Sorts tests so that quick units fill up the end, when else one process would wait long for the other's."""
    slow = {unit(item.nodeid) for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: unit(item.nodeid) not in slow)


def is_one_of_several() -> bool:
    """Whether this process runs some of the tests, and others run the rest."""
    return "PYTEST_XDIST_WORKER" in os.environ


def made_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[pathlib.Path], None]
) -> pathlib.Path:
    """A folder for tests that only read it: the first process that needs it makes it, the others wait.

    Args:
      tmp_path_factory: pytest's.
      name: of the folder, one for each `make`.
      make: makes the folder; where it fails, the next process that needs the folder tries again.
    """
    of_this_run = tmp_path_factory.getbasetemp()
    if is_one_of_several():
        of_this_run = of_this_run.parent  # a process's own folder lies in that of the run
    folder, done = of_this_run / "made_once" / name, of_this_run / "made_once" / f"{name}.done"
    folder.parent.mkdir(exist_ok=True)
    with filelock.FileLock(f"{folder}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            done.touch()
    return folder
