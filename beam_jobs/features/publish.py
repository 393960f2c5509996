"""A job's output: written to a hidden folder first, and put in the place of a former run's when it is complete."""

import os
import uuid
from collections.abc import Collection, Sequence

from beam_jobs import storage
from beam_jobs.errors import UserError

_PREFIX = ".staging-"
# Below the staging folder: a former run's folders (empty: there was none) while they are being replaced, and after.
_FORMER, _REPLACED = "former", "replaced"
# In a store: says which job is putting its files in their places.
_CLAIM = ".publishing"


def new_staging(output: str) -> str:
    """A name for a staging folder: hidden, and on the same disk or store as the output."""
    return storage.join(output, _PREFIX + uuid.uuid4().hex)


def check_replaced(output: str, folders: Collection[str]) -> None:
    """Refuses an output folder in which a table's folder, which would be replaced, holds other files.

    Args:
      output: the job's.
      folders: the names of the tables that it writes.

    Raises:
      UserError: naming one of the files.
    """
    for name in folders:
        folder = storage.join(output, name)
        others = [file for file in storage.list_files(folder) if not file.endswith(".parquet")]
        if others:
            raise UserError(
                f"{folder} holds other files than tables, for example {others[0]}; the job would replace that folder. "
                "Choose another --output."
            )


def clean(output: str) -> None:
    """Removes every staging folder of `output`, after restoring the folders that a killed job was about to replace.

    Afterwards a job that still runs there fails; it publishes nothing.
    """
    fs, name = storage.filesystem(output)
    fs.invalidate_cache()
    if not fs.isdir(name):
        return
    for path in fs.ls(name, detail=False):
        found = path.rstrip("/").rsplit("/", 1)[-1]
        if found.startswith(_PREFIX):
            if not storage.is_remote(output):
                _restore(storage.join(output, found), output)
            remove(storage.join(output, found))


def remove(staging: str) -> None:
    """Removes a staging folder; nothing happens where there is none."""
    storage.filesystem(staging)[0].invalidate_cache()
    storage.remove(staging)


def publish(staging: str, output: str, folders: Sequence[str], files: Collection[str]) -> None:
    """Puts staged folders in the place of a former run's; may be called again after it was cut short, or done.

    On a local disk folders are renamed, and after a failure the former ones are restored. A store has no renames: there
    the last folder goes first and comes last, and the others are copied file by file in between, so that a reader that
    finds the last folder finds everything. The staging folder stays: remove it when this need not be called again.

    Args:
      staging: as of `new_staging`.
      output: where the folders belong.
      folders: their names, the one that readers look for last.
      files: every file that must be there, relative to `output`, below one of `folders`.

    Raises:
      RuntimeError: if one of `files` is not there; before anything is touched where it was not staged.
      UserError: if another job is publishing there, in a store.
    """
    if storage.is_remote(output):
        _publish_files(staging, output, folders, files)
    else:
        _publish_folders(staging, output, folders, files)


def _publish_files(staging: str, output: str, folders: Sequence[str], files: Collection[str]) -> None:
    staged = _files(staging, folders)
    _check(files, staged, staging)
    _claim(staging, output)
    fs, output_name = storage.filesystem(output)
    storage.remove(storage.join(output, folders[-1]))
    for folder in folders:
        wanted = sorted(file for file in staged if file.startswith(folder + "/"))
        for file in wanted:
            # Copied and not moved: called again, all of it must still be there.
            fs.cp_file(storage.filesystem(storage.join(staging, file))[1], storage.join(output_name, file))
        for file in _files(output, [folder]) - set(wanted):
            storage.remove(storage.join(output, file))
    _check(files, _files(output, folders), output)
    storage.remove(storage.join(output, _CLAIM))


def _claim(staging: str, output: str) -> None:
    """Makes this job the only one that publishes in a folder of a store, until the claim is removed.

    A job whose staging folder is gone can publish nothing more: its claim is void.
    """
    claim = storage.join(output, _CLAIM)
    try:
        storage.create_text(claim, staging)
    except FileExistsError:
        holder = storage.read_text(claim)
        if holder == staging:  # this was called before
            return
        if storage.list_files(holder):
            raise UserError(
                f"{output}: another job is publishing its tables there ({claim} names its folder). Wait for its end, "
                "and run this one again."
            ) from None
        storage.remove(claim)
        storage.create_text(claim, staging)


def _publish_folders(staging: str, output: str, folders: Sequence[str], files: Collection[str]) -> None:
    _restore(staging, output)
    if storage.exists(storage.join(staging, _REPLACED)):  # done when this was called before
        _check(files, _files(output, folders), output)
        return
    _check(files, _files(staging, folders), staging)
    try:
        for folder in reversed(folders):
            if storage.exists(storage.join(output, folder)):
                rename(storage.join(output, folder), storage.join(staging, _FORMER, folder))
            else:
                os.makedirs(_local(storage.join(staging, _FORMER, folder)))
        for folder in folders:
            rename(storage.join(staging, folder), storage.join(output, folder))
        _check(files, _files(output, folders), output)
        # This rename decides: before it the former folders must be restored, after it they can be deleted.
        rename(storage.join(staging, _FORMER), storage.join(staging, _REPLACED))
    except BaseException:
        _restore(staging, output)
        raise


def _restore(staging: str, output: str) -> None:
    """Undoes a local publication that was cut short: new folders go back to `staging`, former ones to `output`."""
    former = _local(storage.join(staging, _FORMER))
    for folder in sorted(os.listdir(former)) if os.path.isdir(former) else []:
        if storage.exists(storage.join(output, folder)):
            rename(storage.join(output, folder), storage.join(staging, folder))
        if os.listdir(os.path.join(former, folder)):
            rename(storage.join(staging, _FORMER, folder), storage.join(output, folder))
        else:  # there was none
            os.rmdir(os.path.join(former, folder))


def _files(base: str, folders: Sequence[str]) -> set[str]:
    """The files below some folders of `base`, relative to it."""
    storage.filesystem(base)[0].invalidate_cache()
    found = (file for folder in folders for file in storage.list_files(storage.join(base, folder)))
    return {storage.relative_path(base, file) for file in found}


def _check(expected: Collection[str], found: Collection[str], where: str) -> None:
    missing = sorted(set(expected) - set(found))
    if missing:
        raise RuntimeError(
            f"{where} lacks {len(missing)} of the job's {len(expected)} files, for example {missing[0]}. Does another "
            "job write to the same output folder?"
        )


def rename(source: str, target: str) -> None:
    """Moves a local folder, and makes the folder that it goes into."""
    os.makedirs(os.path.dirname(_local(target)), exist_ok=True)
    os.rename(_local(source), _local(target))


def _local(path: str) -> str:
    return storage.filesystem(path)[1]
