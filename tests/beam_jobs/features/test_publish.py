"""A former run's folders are replaced by whole ones, or not at all, whenever it is cut short."""

import pathlib

import pytest

from beam_jobs import storage
from beam_jobs.errors import UserError
from beam_jobs.features import publish as features_publish

FOLDERS = ("graph", "velocity", "final")
FILES = ("graph/deep/model.pb", "velocity/part-0", "velocity/part-1", "final/part-0")
FORMER = {"velocity/part-0": "old", "velocity/part-7": "old", "final/part-0": "old", "other/file": "not ours"}
NEW = dict.fromkeys(FILES, "new") | {"other/file": "not ours"}


@pytest.fixture(params=["local", "gs"])
def output(request, tmp_path) -> str:
    if request.param == "local":
        return str(tmp_path / "output")
    return f"{request.getfixturevalue('gcs_bucket')}/{tmp_path.name}"


def write(output: str, files: dict[str, str]) -> None:
    for name, text in files.items():
        storage.write_text(storage.join(output, name), text)


def contents(output: str) -> dict[str, str]:
    return {storage.relative_path(output, file): storage.read_text(file) for file in storage.list_files(output)}


def stage(output: str, former: dict[str, str] = FORMER) -> str:
    write(output, former)
    staging = features_publish.new_staging(output)
    write(staging, dict.fromkeys(FILES, "new"))
    return staging


def publish(staging: str, output: str) -> None:
    features_publish.publish(staging, output, FOLDERS, FILES)


def test_former_folders_are_replaced_and_it_may_be_repeated(output):
    staging = stage(output)
    for _ in range(3):
        publish(staging, output)
        assert contents(output) == NEW
    features_publish.remove(staging)
    assert contents(output) == NEW
    fs, name = storage.filesystem(output)
    assert len(fs.find(name)) == len(NEW)


def test_a_relative_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    publish(stage("tables"), "tables")
    features_publish.clean("tables")
    assert contents("tables") == NEW


@pytest.mark.parametrize("lost", ["everything", "velocity", "velocity/part-1"])
@pytest.mark.parametrize("former", [FORMER, dict.fromkeys(FILES, "old")])
def test_nothing_is_touched_where_something_staged_is_lost(output, lost, former):
    """Nor are a former run's files of the same names taken for this one's."""
    staging = stage(output, former)
    storage.remove(staging if lost == "everything" else storage.join(staging, lost))
    with pytest.raises(RuntimeError, match="another job write"):
        publish(staging, output)
    assert contents(output) == former


def fail_rename(monkeypatch, at: int, for_ever: bool) -> None:
    """Lets rename number `at` fail; `for_ever`, as when the process is killed, all later ones, too."""
    rename, calls = features_publish.rename, iter(range(1000))

    def failing(source, target):
        call = next(calls)
        if call == at or (for_ever and call > at):
            raise OSError("the disk is gone")
        rename(source, target)

    monkeypatch.setattr(features_publish, "rename", failing)


# By hand: two former folders go, three new ones come, and one rename decides.
NUM_RENAMES = 6


@pytest.mark.parametrize(
    ("at", "former"), [*((at, FORMER) for at in range(NUM_RENAMES)), *((at, {}) for at in range(NUM_RENAMES - 2))]
)
def test_a_failure_gives_the_former_folders_back(tmp_path, monkeypatch, at, former):
    staging = stage(str(tmp_path), former)
    fail_rename(monkeypatch, at, for_ever=False)
    with pytest.raises(OSError, match="the disk is gone"):
        publish(staging, str(tmp_path))
    assert contents(str(tmp_path)) == former
    publish(staging, str(tmp_path))
    assert contents(str(tmp_path)) == {name: text for name, text in NEW.items() if former or text == "new"}


@pytest.mark.parametrize("at", range(NUM_RENAMES))
@pytest.mark.parametrize("again", [True, False])
def test_a_kill_loses_nothing(tmp_path, monkeypatch, at, again):
    """Whether the runner publishes again, or somebody starts the next job, which cleans up first."""
    output = str(tmp_path)
    staging = stage(output)
    with monkeypatch.context() as patch:
        fail_rename(patch, at, for_ever=True)
        with pytest.raises(OSError, match="the disk is gone"):
            publish(staging, output)
    if again:
        publish(staging, output)
        assert contents(output) == NEW
    features_publish.clean(output)
    assert contents(output) == (NEW if again else FORMER)
    assert sorted(path.name for path in pathlib.Path(output).iterdir()) == sorted(
        {name.partition("/")[0] for name in (NEW if again else FORMER)}
    )


def test_a_store_shows_no_last_folder_until_all_is_there(tmp_path, gcs_bucket, monkeypatch):
    output = f"{gcs_bucket}/{tmp_path.name}"
    staging = stage(output)
    fs = storage.filesystem(output)[0]
    copy = fs.cp_file

    def failing(source, target, **kwargs):
        if target.endswith("velocity/part-1"):
            raise OSError("the network is gone")
        return copy(source, target, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(fs, "cp_file", failing)
        with pytest.raises(OSError, match="the network is gone"):
            publish(staging, output)
    assert not [name for name in contents(output) if name.startswith("final/")]
    publish(staging, output)
    assert contents(output) == NEW


def test_two_jobs_do_not_publish_in_one_folder_of_a_store_at_a_time(tmp_path, gcs_bucket, monkeypatch):
    output = f"{gcs_bucket}/{tmp_path.name}"
    first, second = stage(output), features_publish.new_staging(output)
    write(second, dict.fromkeys(FILES, "of the second"))
    fs = storage.filesystem(output)[0]
    copy = fs.cp_file

    def with_second_job(source, target, **kwargs):
        if target.endswith("velocity/part-1"):
            publish(second, output)
        return copy(source, target, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(fs, "cp_file", with_second_job)
        with pytest.raises(UserError, match="another job is publishing"):
            publish(first, output)
    assert "of the second" not in contents(output).values()
    publish(first, output)
    assert contents(output) == NEW
    publish(second, output)
    assert set(contents(output).values()) == {"of the second", "not ours"}


def test_the_claim_of_a_job_that_can_publish_nothing_more_is_void(tmp_path, gcs_bucket):
    output = f"{gcs_bucket}/{tmp_path.name}"
    staging = stage(output)
    storage.write_text(f"{output}/.publishing", features_publish.new_staging(output))
    publish(staging, output)
    assert contents(output) == NEW
    assert not storage.exists(f"{output}/.publishing")
