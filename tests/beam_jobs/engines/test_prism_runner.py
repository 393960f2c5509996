"""Prism as Beam starts it: a job that it cannot run is refused in a line, and it ends with the command."""

import socket

import apache_beam as beam
import engines
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms import trigger, window
from commands import run_command

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


def test_it_ends_with_the_command(athlete_videos, tmp_path):
    port = engines.free_port()
    video = next(athlete_videos.glob("*/*.mp4"))
    flags = ("--runner=PrismRunner", f"--prism_location={engines.prism_binary()}", f"--job_port={port}")
    done = run_command("beam_jobs", "extract", "--videos", video, "--output", tmp_path / "tables", *flags)
    assert done.returncode == 0
    assert f"{port}" in done.stderr
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
