"""Tables of one row a video, such as `quality`, read by the order of their keys in little memory."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from beam_jobs import storage, tables

_ROWS_AT_ONCE = 1000


def read_file(path: str, columns: Sequence[str] | None = None) -> Iterator[dict]:
    """The rows of a Parquet file by the order of their `video_id`, a few at a time where they have that order.

    Args:
      path: local or gs://.
      columns: the columns wanted, `video_id` among them; all by default. Those that the file lacks are None.
    """
    with storage.open_input(path) as source:
        file = pq.ParquetFile(source)
        wanted = list(columns) if columns is not None else file.schema_arrow.names
        missing = {name: None for name in wanted if name not in file.schema_arrow.names}
        there = [name for name in wanted if name not in missing]
        keys = file.read(["video_id"])["video_id"].combine_chunks()
        if pc.all(pc.less_equal(keys[:-1], keys[1:])).as_py() in (True, None):
            del keys
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=there):
                yield from (row | missing for row in batch.to_pylist())
        else:  # another program's; none of ours
            yield from (row | missing for row in file.read(there).sort_by("video_id").to_pylist())


def read_rows(folder: str, table: tables.Table, columns: Sequence[str]) -> Iterator[dict]:
    """The rows of a table by the order of their `video_id`; in little memory where it is one file.

    Args:
      folder: the output folder of a job.
      table: which table.
      columns: the columns wanted, `video_id` among them.

    Raises:
      UserError: if the table is not there or is of another schema version.
    """
    files = storage.table_files(folder, table)
    if len(files) == 1:
        storage.read_metadata(files[0])
        yield from read_file(files[0], columns)
    else:  # as `stream` writes them, one a window; or none
        yield from storage.read_table(folder, table, columns).sort_by("video_id").to_pylist()


class ListedFiles:
    """The names of a folder's files at one time, eight bytes each: the names themselves take ten times as much."""

    def __init__(self, folder: str) -> None:
        self._hashes = np.sort(np.fromiter(map(hash, storage.file_names(folder)), np.int64))

    def __contains__(self, name: str) -> bool:
        place = int(np.searchsorted(self._hashes, hash(name)))
        return place < len(self._hashes) and bool(self._hashes[place] == hash(name))
