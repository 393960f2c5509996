"""What the tables of a benchmark hold."""

import dataclasses

import pytest

from beam_jobs.errors import UserError
from model.benchmark import robustness
from model.benchmark.inputs import BenchmarkData


def test_extra_people_who_are_also_tested_are_refused(data):
    same = BenchmarkData(dataclasses.replace(data.inputs, extra_tables=(data.inputs.tables,)))
    with pytest.raises(UserError, match=r"--extra_tables.*other people"):
        _ = same.extra


@pytest.mark.slow
def test_labels_are_renamed_in_all_tables(data):
    renamed = BenchmarkData(
        dataclasses.replace(data.inputs, rename_labels=(("wave", "bend"),), variants=(("same", data.inputs.tables),))
    )
    for one in (renamed.clips, renamed.synthetic[0], renamed.variants["same"]):
        assert {clip.label for clip in one.data.clips if clip.group == "waving"} == {"bend"}


def test_other_coordinates_have_the_same_windows(data):
    flat = data.clips_in("flat")
    assert flat.coordinates == "flat" and data.clips_in("flat") is flat and data.clips_in("world") is data.clips
    assert (flat.data.positions == data.clips.data.positions).all()


def test_tables_are_read_when_they_are_asked_for(data):
    nothing = BenchmarkData(dataclasses.replace(data.inputs, tables="nowhere", athletes="nowhere"))
    with pytest.raises(UserError, match="nowhere"):
        _ = nothing.clips


def test_every_table_gives_its_test_sets(data):
    inputs = dataclasses.replace(data.inputs, variants=(("same", data.inputs.tables),))
    names = set(BenchmarkData(inputs).test_sets)
    assert names == {*robustness.CORRUPTIONS, "variant/same", "unknown_exercises", "standing_still", "drawn_athletes"}
