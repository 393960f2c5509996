"""The videos that are there already, as a source that ends: what a stream has missed, or was never told of."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import TimestampedValue

from beam_jobs import storage
from beam_jobs.labels import Video


class StampVideo(beam.DoFn):
    """A video, at the time at which it was written: that of a notification about it, to the second."""

    def process(self, video: Video) -> Iterator[Any]:
        """Looks up the time; that of a video that is gone is 1970: reading it says what is wrong."""
        yield TimestampedValue(video, storage.written_at_s(video.uri))
