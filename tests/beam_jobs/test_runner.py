"""How a Beam job's end is reported."""

import signal

import apache_beam as beam
import pytest

from beam_jobs import runner


def test_ctrl_c_in_a_step_of_this_process_is_an_interruption():
    """As small jobs of `features` and `segments` run: Beam makes a RuntimeError of it."""
    pipeline = runner.new_pipeline(["--direct_running_mode=in_memory", "--direct_num_workers=1"], "segments")
    _ = pipeline | "Create" >> beam.Create([signal.SIGINT]) | "Interrupt" >> beam.Map(signal.raise_signal)
    with pytest.raises(KeyboardInterrupt):
        runner.run(pipeline)
