"""Beam's TestStream says when messages come and how far the watermark is; the times are of 1970."""

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import TimestampedValue

from beam_jobs.stream.deduplicate import LATE, KeepFirstInTime

# Windows of ten seconds, closed twenty seconds after their ends; keys are known for 100 s.
WINDOW_S, LATENESS_S, REMEMBER_S = 10, 20, 100


# The pipeline's clock, in seconds. TestStream moves one of its own, which a DoFn cannot read: the elements bring it.
clock_s = [0.0]


class Script:
    """A TestStream in which five seconds pass after each step: longer than a first value waits."""

    def __init__(self):
        self.stream, self.now_s = TestStream().advance_watermark_to(0).advance_processing_time(1000), 1000.0

    def step(self, watermark_s: float, *keys: tuple[float, str]):
        """Moves the watermark; then keys with their times come."""
        values = [TimestampedValue((self.now_s, (key, f"{key} of {second:g}")), second) for second, key in keys]
        self.stream = self.stream.advance_watermark_to(watermark_s).add_elements(values).advance_processing_time(5)
        self.now_s += 5
        return self


def set_clock(element):
    clock_s[0], value = element
    return value


def read_clock():
    return clock_s[0]


def timestamped(value, timestamp=beam.DoFn.TimestampParam):
    return value, float(timestamp)


def check(script: Script, kept: list, late: list = ()) -> None:
    stream = script.stream.advance_watermark_to_infinity()
    keep = KeepFirstInTime(WINDOW_S, LATENESS_S, REMEMBER_S, read_clock)
    with TestPipeline("BundleBasedDirectRunner", PipelineOptions(streaming=True)) as pipeline:
        keyed = pipeline | stream | beam.Map(set_clock).with_output_types(tuple[str, str])
        outputs = keyed | beam.ParDo(keep).with_outputs(LATE, main="kept")
        assert_that(outputs.kept | "K" >> beam.Map(timestamped), equal_to(kept), label="kept")
        assert_that(outputs[LATE] | "L" >> beam.Map(timestamped), equal_to(late), label="late")


def test_a_repeated_notification_is_dropped():
    script = Script().step(1, (5, "a"), (5, "b"), (5, "a")).step(12, (5, "a"))
    check(script, [("a of 5", 5.0), ("b of 5", 5.0)])


def test_late_and_too_late():
    # The first window ends at 10 and is closed at 30.
    script = Script().step(1, (5, "in time")).step(29, (5, "late")).step(31, (5, "too late"), (12, "late, too"))
    # A window that nothing came for before it was closed is closed like others.
    script = script.step(90, (55, "too late, alone"), (95, "new"))
    check(
        script,
        [("in time of 5", 5.0), ("late of 5", 5.0), ("late, too of 12", 12.0), ("new of 95", 95.0)],
        [("too late of 5", 5.0), ("too late, alone of 55", 55.0)],
    )


def test_a_key_is_forgotten():
    # The first is known until 105.
    check(
        Script().step(1, (5, "a")).step(104, (101, "a")).step(106, (104, "a")),
        [("a of 5", 5.0), ("a of 104", 104.0)],
    )


def test_draining_makes_nothing_late():
    """A job that is drained moves the watermark to the end of time while a first value waits."""
    script = Script()
    script.stream = script.stream.add_elements([TimestampedValue((1003.0, ("a", "under way")), 1005)])
    script.stream = script.stream.advance_watermark_to(1_000_000)
    check(script, [("under way", 1005.0)])


@pytest.mark.parametrize("remember_s", [0, 25])
def test_a_key_is_known_at_least_until_its_window_is_closed(remember_s):
    # Forgotten before that, a repeat could still be written.
    assert KeepFirstInTime(WINDOW_S, LATENESS_S, remember_s)._remember_s >= WINDOW_S + LATENESS_S
