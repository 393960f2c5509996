"""Files of landmarks that hold many videos, as `compact` writes them: their names, and how single videos are read.

A table of landmarks may hold such files and files of one video. The quality table says which one counts for a video.
"""

import bisect
import itertools
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

# No file of one video is called so: in those names "+" is quoted.
PREFIX = "compacted+"
# Of a file: so many are read for a video that has fewer.
ROWS_PER_GROUP = 10_000


def file_name(index: int, token: str) -> str:
    """The name of a job's file number `index`: by the order of names, rows are in the order of their keys."""
    return f"{PREFIX}{index:06d}-{token}.parquet"


def is_compacted(path: str) -> bool:
    """Whether a file of landmarks may hold several videos."""
    return path.rsplit("/", 1)[-1].startswith(PREFIX)


def groups_of(file: pq.ParquetFile, video_ids: Collection[str]) -> list[int]:
    """The row groups of a file that may hold rows of some videos."""
    wanted = sorted(video_ids)
    groups = []
    for index in range(file.num_row_groups):
        known = file.metadata.row_group(index).column(0).statistics
        if known is not None and known.has_min_max:
            place = bisect.bisect_left(wanted, known.min)
            if place == len(wanted) or wanted[place] > known.max:
                continue
        groups.append(index)
    return groups


def read_videos(
    file: pq.ParquetFile, video_ids: Collection[str], rows_per_batch: int, columns: Sequence[str]
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yields (video_id, some rows of that video alone) for some of a file's videos, in the file's order.

    Args:
      file: whose first column is `video_id`.
      video_ids: the videos wanted.
      rows_per_batch: at most so many rows are read at once.
      columns: the columns wanted, `video_id` among them.
    """
    wanted = set(video_ids)
    groups = groups_of(file, wanted)
    batches = file.iter_batches(rows_per_batch, row_groups=groups, columns=list(columns), use_threads=False)
    for batch in batches if groups else ():
        ids = batch.column("video_id").dictionary_encode()
        codes, names = ids.indices.to_numpy(), ids.dictionary.to_pylist()
        starts = [0, *(np.flatnonzero(codes[1:] != codes[:-1]) + 1), len(codes)]
        for start, end in itertools.pairwise(starts):
            if start < end and names[codes[start]] in wanted:
                yield names[codes[start]], batch.slice(start, end - start)
