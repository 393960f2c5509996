"""A job that Prism cannot run is refused in a line."""

import apache_beam as beam
import engines
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms import trigger, window

from beam_jobs import runner
from beam_jobs.errors import UserError

pytestmark = pytest.mark.slow


def test_sessions_that_wait_for_late_data():
    options = PipelineOptions(["--runner=PrismRunner", f"--prism_location={engines.prism_binary()}"])
    pipeline = beam.Pipeline(options=options)
    late = trigger.AfterWatermark(late=trigger.AfterCount(1))
    discard = trigger.AccumulationMode.DISCARDING
    sessions = beam.WindowInto(
        window.Sessions(10), trigger=late, accumulation_mode=discard, allowed_lateness=window.Duration(seconds=60)
    )
    _ = pipeline | beam.Create([("a", 1)]) | sessions | beam.GroupByKey()
    with pytest.raises(UserError, match="merging windows"):
        runner.submit(pipeline)
