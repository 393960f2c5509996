"""Several people in the page; what is saved; a session's timeline."""

import csv
import json

import pytest
from conftest import ffmpeg
from page_visits import Server

pytestmark = pytest.mark.slow

# How many pixels of the skeletons have exactly this colour.
COUNT_PIXELS = """
(colour) => {
  const canvas = document.querySelector("#skeleton");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const wanted = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  let count = 0;
  for (let at = 0; at < data.length; at += 4) if (wanted.every((value, index) => data[at + index] === value)) count++;
  return count;
}
"""
# A record of two people's segments: person, exercise, start and end in seconds, repetitions.
RECORD = """
async (segments) => {
  const { SessionRecord } = await import(new URL("static/record.js", document.baseURI));
  const record = new SessionRecord();
  const part = record.beginPart(0);
  record.lengthMs = 60000;
  record.sum(part, segments.map(([person, exercise, start, end, repetitions]) => (
    { person, exercise, start_ms: 1000 * start, end_ms: 1000 * end, probability: 0.9, repetitions, held_s: null })));
  return { csv: record.toCsv(), json: record.toJson(), totals: record.totals() };
}
"""


def test_two_people_have_numbers_colours_and_sums_of_their_own(visit, drawn_clips, tmp_path):
    """In a file, which is played as slowly as this machine needs."""
    both = tmp_path / "both.mp4"
    halves = "[0]crop=160:240:0:0[a];[1]crop=160:240:50:0[b];[a][b]hstack"
    clips = [flag for name in ("squat", "jumping_jack") for flag in ("-i", drawn_clips[name])]
    ffmpeg(*clips, "-filter_complex", halves, "-c:v", "libx264", "-pix_fmt", "yuv420p", both)
    server = Server("--num_people", "2")
    try:
        one = visit(server.address)
        one.page.set_default_timeout(150_000)
        one.page.set_input_files("#file", both)
        one.page.wait_for_function(
            """() => {
              const names = [...document.querySelectorAll(".exercise")].map((name) => name.textContent);
              return names.includes("Squat") && names.includes("Jumping jack");
            }"""
        )
        assert one.page.locator(".who").all_inner_texts() == ["Person 1", "Person 2"]
        for colour in ("#ffb000", "#56b4e9"):
            assert one.page.evaluate(COUNT_PIXELS, colour) > 50, colour
        one.wait_for_phase("done")
        rows = [row.split("\t")[0] for row in one.page.locator("#totals tbody tr").all_inner_texts()]
        assert {"Squat", "Jumping jack"} == {row.split(" (")[0] for row in rows}
        assert {row.rsplit(" ", 1)[1] for row in rows} == {"1)", "2)"}
        tops = "[...document.querySelectorAll('#summary-timeline .stretch')].map((stretch) => stretch.style.top)"
        assert len(set(one.page.evaluate(tops))) == 2  # side by side, not one over the other
        assert one.errors == []
    finally:
        server.kill()


def test_a_number_goes_with_its_body_from_frame_to_frame(visit, server):
    one = visit(server.address)
    numbers = one.page.evaluate(
        """async () => {
          const { PeoplePlaces } = await import(new URL("static/people.js", document.baseURI));
          const body = (x, y) => ({ image: Float32Array.from({ length: 99 }, (_, at) => [x, y, 0][at % 3]) });
          const places = new PeoplePlaces();
          const before = places.numbers([body(0.2, 0.5)]);
          places.take([
            { person: 3, place: [0.2, 0.5] }, { person: 7, place: [0.7, 0.5] }, { person: 8, place: null },
          ]);
          return [
            before,
            places.numbers([body(0.72, 0.5), body(0.25, 0.5)]),
            places.numbers([body(0.4, 0.5), body(0.8, 0.5)]),  // each a step further
            places.numbers([body(0.45, 0.5), body(0.5, 0.5), body(0.1, 0.9)]),  // one number for one body
          ];
        }"""
    )
    assert numbers == [[None], [7, 3], [3, 7], [3, None, None]]


def test_what_is_saved_is_read_as_it_was_written(visit, server):
    """Labels come from the bundle: neither commas nor what spreadsheets take for formulas do harm."""
    segments = [[0, "squat", 0, 10, 4], [1, '=HYPERLINK("x")', 2, 9, 3], [0, "squat", 20, 30, 5], [1, "a,b", 40, 45, 0]]
    saved = visit(server.address).page.evaluate(RECORD, segments)
    rows = list(csv.reader(saved["csv"].splitlines()))
    assert [row[:2] for row in rows[1:]] == [["1", "squat"], ["2", '\'=HYPERLINK("x")'], ["1", "squat"], ["2", "a,b"]]
    assert {len(row) for row in rows} == {7}
    content = json.loads(saved["json"])
    assert [part["person"] for part in content["segments"]] == [1, 2, 1, 2]
    squats = {"person": 1, "exercise": "squat", "sets": 2, "repetitions": 9, "seconds": 20}
    assert content["totals"][0] == squats and len(content["totals"]) == 3


def test_nothing_done_has_a_summary_that_says_so(visit, server, tmp_path):
    black = tmp_path / "black.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=black:size=160x120:rate=15", "-t", 1, "-pix_fmt", "yuv420p", black)
    one = visit(server.address, viewport={"width": 360, "height": 740})
    one.page.set_input_files("#file", black)
    one.wait_for_phase("done")
    assert "No exercise" in one.page.inner_text("#summary-words")
    assert one.page.is_hidden("#totals") and one.page.is_hidden("#summary-parts")
    with one.page.expect_download() as saved:
        one.page.click("#save-csv")
    assert saved.value.path().read_text().splitlines() == [
        "person,exercise,start_s,end_s,repetitions,held_s,probability"
    ]


def test_the_summary_fits_a_narrow_phone(visit, server):
    one = visit(server.address, viewport={"width": 360, "height": 740})
    one.page.click("#camera-start")
    one.wait_for_answer("Squat")
    one.wait_for_repetitions(2)
    one.page.keyboard.press("e")
    one.wait_for_phase("done")
    right = one.page.evaluate("document.querySelector('#summary').getBoundingClientRect().right")
    parts = "['#totals', '#summary-timeline', '#summary-segments'].map((name) => document.querySelector(name))"
    assert max(one.page.evaluate(f"{parts}.map((part) => part.getBoundingClientRect().right)")) < right
