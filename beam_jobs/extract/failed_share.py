"""Whether too many videos failed: asked by the launcher after the job, or by a job that no launcher waits for."""

import dataclasses
from collections.abc import Sequence

import apache_beam as beam

from beam_jobs import storage, tables
from beam_jobs.errors import UserError

# How many of the videos that failed an error names.
NUM_SHOWN = 5


def check_failed_share(
    num_videos: int, num_failed: int, examples: Sequence[str], max_failed_share: float, output: str
) -> None:
    """Fails a job whose videos failed in too large a share.

    Args:
      num_videos: how many videos there are.
      num_failed: how many of them have a dead letter.
      examples: some that failed, each with its reason.
      max_failed_share: between 0 and 1.
      output: where the job has written its tables.

    Raises:
      UserError: if more videos have a dead letter than the share allows.
    """
    if num_failed > max_failed_share * num_videos:
        shown = "; ".join(examples[:NUM_SHOWN])
        more = f"; and {num_failed - NUM_SHOWN} more" if num_failed > NUM_SHOWN else ""
        raise UserError(
            f"{num_failed} of {num_videos} videos failed, more than --max_failed_share {max_failed_share:g} allows "
            f"({shown}{more}). Everything else was written; {storage.join(output, tables.DEAD_LETTERS.name)} says why. "
            "Repair or remove them, or give a higher share."
        )


def _check(
    _, written: list, num_videos: int, num_failed: int, examples: list[str], max_failed_share: float, output: str
) -> None:
    """`written` makes Beam wait until everything is written."""
    check_failed_share(num_videos, num_failed, sorted(examples), max_failed_share, output)


@dataclasses.dataclass
class CheckFailedShare(beam.PTransform):
    """Paths of what was written -> one element; the job fails, after it, if too many videos failed.

    Attributes:
      videos: all videos.
      dead_letters: rows, at most one a video.
      max_failed_share: between 0 and 1.
      output: where the job has written its tables.
    """

    videos: beam.PCollection
    dead_letters: beam.PCollection
    max_failed_share: float
    output: str

    def expand(self, written: beam.PCollection) -> beam.PCollection:  # noqa: D102
        count = beam.combiners.Count.Globally
        examples = (
            self.dead_letters
            | "Name" >> beam.Map(lambda row: f"{row['video_id']}: {row['reason']}")
            | "Sample" >> beam.combiners.Sample.FixedSizeGlobally(NUM_SHOWN)
        )
        once = written.pipeline | "Once" >> beam.Create([None])
        return once | "Check" >> beam.Map(
            _check,
            beam.pvalue.AsList(written),
            beam.pvalue.AsSingleton(self.videos | "CountVideos" >> count()),
            beam.pvalue.AsSingleton(self.dead_letters | "CountFailed" >> count()),
            beam.pvalue.AsSingleton(examples),
            self.max_failed_share,
            self.output,
        )
