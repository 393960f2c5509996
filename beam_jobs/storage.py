"""Reading and writing tables and files, on a local disk or in GCS, whole or not at all.

Needs neither Beam nor TensorFlow, so that the trainer and the live module read what the jobs wrote by the same code.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
import urllib.parse
import uuid
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs import compacted, tables
from beam_jobs.errors import UserError

# Part of this module for those that import it.
from beam_jobs.paths import exists as exists
from beam_jobs.paths import file_names as file_names
from beam_jobs.paths import filesystem as filesystem
from beam_jobs.paths import is_folder as is_folder
from beam_jobs.paths import is_remote as is_remote
from beam_jobs.paths import join as join
from beam_jobs.paths import list_files as list_files
from beam_jobs.paths import relative_path as relative_path
from beam_jobs.paths import written_at_s as written_at_s

# An environment variable that a job gives its worker processes: some hexadecimal digits, see `atomic_file`.
JOB_MARK = "EXERCISE_RECOGNITION_JOB_MARK"

# Which job writes a table; `features` writes the others.
_WRITTEN_BY = dict.fromkeys(
    (table.name for table in (tables.LANDMARKS, tables.QUALITY, tables.DEAD_LETTERS)), "extract (or import)"
)


def open_input(path: str):
    """Opens a file for reading bytes.

    Raises:
      UserError: if there is no such file, or it is a folder.
    """
    fs, name = filesystem(path)
    try:
        return fs.open(name, "rb")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; expected a file there. Check the path.") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; expected a file there. Check the path.") from None


def read_text(path: str) -> str:
    """A whole file as UTF-8 text.

    Raises:
      UserError: if there is no such file, or it is not text.
    """
    with open_input(path) as file:
        content = file.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text ({error}); expected UTF-8. Check the path, or save it as UTF-8.") from None


@contextlib.contextmanager
def local_copy(path: str) -> Iterator[str]:
    """A local file with the content of `path`: itself where it is local, else a download that is removed afterwards."""
    if not is_remote(path):
        yield path.removeprefix("file://")
        return
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, pathlib.PurePosixPath(path).name)
        fs, name = filesystem(path)
        # A listing cached before another process wrote the file would say that there is none.
        fs.invalidate_cache()
        fs.get_file(name, local)
        yield local


@contextlib.contextmanager
def local_folder_copy(path: str) -> Iterator[str]:
    """A local folder with the content of the folder `path`: itself where it is local, else a download."""
    if not is_remote(path):
        yield path.removeprefix("file://")
        return
    with tempfile.TemporaryDirectory() as folder:
        for remote in list_files(path):
            local = os.path.join(folder, relative_path(path, remote))
            os.makedirs(os.path.dirname(local), exist_ok=True)
            fs, name = filesystem(remote)
            fs.get_file(name, local)
        yield folder


@contextlib.contextmanager
def atomic_file(path: str) -> Iterator[str]:
    """A local path to write to; what was written appears at `path` when the block ends well, and not otherwise.

    On a local disk the temporary file is a hidden neighbour, renamed at the end; for a store it is uploaded, and an
    object appears when its upload is complete. The temporary name ends as `path` does, for writers that choose a format
    by it.
    """
    if is_remote(path):
        with tempfile.TemporaryDirectory() as folder:
            local = os.path.join(folder, pathlib.PurePosixPath(path).name)
            yield local
            fs, name = filesystem(path)
            fs.put_file(local, name)
        return
    target = pathlib.Path(path.removeprefix("file://"))
    target.parent.mkdir(parents=True, exist_ok=True)
    # Begins with the job's mark where there is one: what is left of a job is told from what another one is writing.
    temporary = target.parent / f".{(os.environ.get(JOB_MARK, '') + uuid.uuid4().hex)[:32]}.{target.name}"
    try:
        yield str(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: str, marker: str | None = None) -> Iterator[str]:
    """A local folder to write to; it appears at `path`, replacing what was there, when the block ends well.

    Args:
      path: local, or gs://.
      marker: the file in it that says that the folder is complete. A store has no rename: there the old marker goes
        first and the new one comes last.
    """
    if is_remote(path):
        fs, name = filesystem(path)
        with tempfile.TemporaryDirectory() as folder:
            yield folder
            if marker and fs.exists(f"{name}/{marker}"):
                fs.rm_file(f"{name}/{marker}")
            files = sorted(os.path.relpath(file, folder) for file in list_files(folder))
            for file in sorted(files, key=lambda file: file == marker):
                fs.put_file(os.path.join(folder, file), f"{name}/{file}")
            for stale in fs.find(name):
                if stale[len(name.rstrip("/")) + 1 :] not in files:
                    fs.rm_file(stale)
        return
    target = pathlib.Path(os.path.abspath(path.removeprefix("file://")))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{target.name}.{uuid.uuid4().hex}"
    temporary.mkdir()
    try:
        yield str(temporary)
        if target.exists():
            old = temporary.with_name(temporary.name + ".old")
            os.rename(target, old)
            os.rename(temporary, target)
            shutil.rmtree(old)
        else:
            os.rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: str, text: str) -> None:
    """Writes a whole file of UTF-8 text."""
    with atomic_file(path) as local:
        pathlib.Path(local).write_text(text, encoding="utf-8")


def create_text(path: str, text: str) -> None:
    """Writes a whole file of UTF-8 text where there is none; of several that try at once, one succeeds.

    Raises:
      FileExistsError: if there is a file.
    """
    if not is_remote(path):
        with open(path.removeprefix("file://"), "x", encoding="utf-8") as file:
            file.write(text)
        return
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as local:
        local.write(text)
        local.flush()
        fs, name = filesystem(path)
        fs.put_file(local.name, name, mode="create")


def remove(path: str) -> None:
    """Removes a file or a folder; nothing happens where there is none."""
    fs, name = filesystem(path)
    if not is_remote(path):
        if os.path.isdir(name) and not os.path.islink(name):
            shutil.rmtree(name)
        elif os.path.lexists(name):
            os.remove(name)
        return
    # One by one: fsspec's rm takes a name with "*" or "[" for a pattern.
    for file in fs.find(name):
        fs.rm_file(file)


@contextlib.contextmanager
def table_writer(path: str, table: tables.Table, metadata: dict[str, str] | None = None) -> Iterator[pq.ParquetWriter]:
    """A ParquetWriter (zstd) of a table's file, which appears whole when the block ends well.

    Batches must have the table's schema (`table.schema()`; metadata may differ). Write several hundred rows at a time.
    """
    options = {"compression": "zstd", "use_dictionary": table.repeated_columns}
    with atomic_file(path) as local, pq.ParquetWriter(local, table.schema(metadata), **options) as writer:
        yield writer


def write_table(path: str, table: tables.Table, rows: pa.Table, metadata: dict[str, str] | None = None) -> None:
    """Writes one file of a table at once."""
    with table_writer(path, table, metadata) as writer:
        writer.write_table(rows.cast(table.schema(metadata)))


def table_files(folder: str, table: tables.Table) -> list[str]:
    """The Parquet files of a table under an output folder, in the order of their rows' keys."""
    # A landmarks file has its video's quoted id as name, and quoting changes the order.
    return sorted(list_files(join(folder, table.name), ".parquet"), key=urllib.parse.unquote)


def landmarks_file(folder: str, video_id: str) -> str:
    """The landmarks table's file of one video under an output folder: any `video_id` makes one valid file name.

    A long one (quoting triples what is not ASCII, and file names have at most 255 bytes) is cut, and a hash is added.
    """
    name = urllib.parse.quote(video_id, safe="")
    if len(name) > 150:
        name = f"{name[:120]}-{hashlib.sha256(video_id.encode()).hexdigest()[:16]}"
    return join(folder, tables.LANDMARKS.name, name + ".parquet")


@contextlib.contextmanager
def open_parquet(path: str) -> Iterator[pq.ParquetFile]:
    """Opens a Parquet file.

    Raises:
      UserError: if there is no such file, or it is not a Parquet file.
    """
    local = os.path.isfile(name := path.removeprefix("file://"))
    # Arrow reads a local file by itself, without a buffer, in two thirds of the time.
    with pa.OSFile(name) if local else open_input(path) as source:
        try:
            file = pq.ParquetFile(source, pre_buffer=not local)
        except pa.ArrowInvalid as error:
            what = f"{path} is not a readable Parquet file ({error})"
            raise UserError(f"{what}. Remove it and run the job again.") from None
        yield file


def read_metadata(file: str) -> dict[str, str]:
    """A Parquet file's metadata.

    Raises:
      UserError: if it is not a Parquet file, or one of another schema version.
    """
    with open_parquet(file) as parquet:
        raw = parquet.metadata.metadata or {}
    # Arrow keeps its own schema there: given to a writer as metadata, it would be kept once more.
    metadata = {key.decode(): value.decode() for key, value in raw.items() if key != b"ARROW:schema"}
    version = metadata.get(tables.SCHEMA_VERSION_KEY)
    if version != str(tables.SCHEMA_VERSION):
        raise UserError(
            f"{file} has schema version {version}; expected {tables.SCHEMA_VERSION}. Run the job again with this "
            "version, or read the table with the version that wrote it."
        )
    return metadata


def read_table(folder: str, table: tables.Table, columns: Sequence[str] | None = None, filter=None) -> pa.Table:
    """A whole table, in the order of its keys.

    Args:
      folder: the output folder of a job.
      table: which table.
      columns: the columns wanted; all by default.
      filter: a pyarrow.compute expression over the columns.

    Raises:
      UserError: if the table is not there or is of another schema version.
    """
    files = table_files(folder, table)
    if not files:
        raise UserError(
            f"{join(folder, table.name)} has no .parquet file; expected the table '{table.name}'. "
            f"Check the folder, or first run python -m beam_jobs {_WRITTEN_BY.get(table.name, 'features')}."
        )
    read_metadata(files[0])
    if table is tables.LANDMARKS and any(map(compacted.is_compacted, files)):
        return _read_compacted(folder, files, list(columns or table.schema().names), filter)
    return _read_files(files, table, columns, filter)


def _read_files(files: Sequence[str], table: tables.Table, columns: Sequence[str] | None, filter) -> pa.Table:
    # Here and not above: it imports pandas, half of what live would wait for before it imports MediaPipe.
    import pyarrow.dataset as pads

    fs, _ = filesystem(files[0])
    names = [filesystem(file)[1] for file in files]
    dataset = pads.dataset(names, filesystem=fs, format="parquet", schema=table.schema())
    return dataset.to_table(columns=list(columns) if columns is not None else None, filter=filter)


def _read_compacted(folder: str, files: Sequence[str], columns: list[str], filter) -> pa.Table:
    """Landmarks where some files have many videos: of each video the rows in the file that the quality table names.

    A video that is not in that table yet has its own file.
    """
    import pyarrow.compute as pc

    quality = read_table(folder, tables.QUALITY, ["video_id", "landmarks_file"]).to_pylist()
    ids_in: dict[str, list[str]] = {}
    for row in quality:
        if compacted.is_compacted(row["landmarks_file"] or ""):
            ids_in.setdefault(row["landmarks_file"], []).append(row["video_id"])
    replaced = {os.path.basename(landmarks_file("", video_id)) for ids in ids_in.values() for video_id in ids}
    single = [file for file in files if not compacted.is_compacted(file) and os.path.basename(file) not in replaced]
    keys = [column.name for column in tables.KEY_COLUMNS]
    wanted = [*columns, *(key for key in keys if key not in columns)]
    parts = [_read_files(single, tables.LANDMARKS, wanted, filter)] if single else []
    for file in files:
        if ids := ids_in.get(os.path.basename(file)):
            of_file = pc.field("video_id").isin(ids)
            of_file = of_file if filter is None else of_file & filter
            parts.append(_read_files([file], tables.LANDMARKS, wanted, of_file))
    if not parts:  # no file counts
        return tables.LANDMARKS.schema().empty_table().select(columns)
    rows = pa.concat_tables(parts)
    return (rows.sort_by([(key, "ascending") for key in keys]) if single else rows).select(columns)


def fingerprint(file: str) -> dict:
    """The extractor's fingerprint that a table's file carries."""
    return json.loads(read_metadata(file)[tables.FINGERPRINT_KEY])
