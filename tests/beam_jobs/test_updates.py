"""Files that several processes rewrite: `test_summaries.py` has real processes at the same time."""

import pathlib

import pytest

from beam_jobs import storage, updates


@pytest.fixture(params=["local", pytest.param("gs", marks=pytest.mark.slow)])
def path(request, tmp_path) -> str:
    if request.param == "local":
        return str(tmp_path / "folder" / "file+1.txt")
    return f"{request.getfixturevalue('gcs_bucket')}/{tmp_path.name}/file+1.txt"


def append(former: str | None, target: str, letter: str) -> None:
    text = pathlib.Path(former).read_text() if former else ""
    pathlib.Path(target).write_text(text + letter)


def test_a_file_is_made_and_rewritten_or_stays(path):
    for letter in "ab":
        updates.update_file(path, lambda former, target, letter=letter: append(former, target, letter))
    assert storage.read_text(path) == "ab"

    def fail(former, target):
        append(former, target, "c")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        updates.update_file(path, fail)
    assert storage.read_text(path) == "ab"


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True])
def test_what_another_job_writes_meanwhile_is_kept(tmp_path, gcs_bucket, fails):
    """Also where the copy of a file that is being replaced cannot be read."""
    path = f"{gcs_bucket}/{tmp_path.name}/file.txt"
    storage.write_text(path, "a")
    others = iter("xy")

    def write(former, target):
        append(former, target, "b")
        for letter in others:
            storage.write_text(path, storage.read_text(path) + letter)
            if fails:
                raise ValueError("half a file")
            break

    updates.update_file(path, write)
    assert storage.read_text(path) == "axyb"


def test_a_file_that_was_rewritten_is_not_removed(path):
    assert updates.state_of(path) is None
    storage.write_text(path, "a")
    state = updates.state_of(path)
    storage.write_text(path, "b")
    assert not updates.remove_if_still(path, state)
    assert storage.read_text(path) == "b"
    assert updates.remove_if_still(path, updates.state_of(path))
    assert updates.state_of(path) is None
    assert not updates.remove_if_still(path, state)
