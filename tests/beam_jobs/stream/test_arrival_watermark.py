"""The watermark of a queue, by a clock of the test's own."""

import pytest

from beam_jobs.stream.sources.arrival_watermark import ArrivalWatermark


@pytest.fixture
def clock():
    class Clock:
        now_s = 1000.0

        def __call__(self):
            return self.now_s

    return Clock()


@pytest.fixture
def watermark(clock):
    return ArrivalWatermark(10.0, clock)


def test_nothing_is_known_before_the_first_answer(watermark):
    assert watermark.advance(caught_up=False) == float("-inf")


def test_an_empty_queue_follows_the_clock(watermark, clock):
    assert watermark.advance(caught_up=True) == 990
    clock.now_s += 5
    assert watermark.advance(caught_up=True) == 995


def test_a_backlog_holds_it_at_its_oldest_message(watermark, clock):
    watermark.add(300)
    watermark.add(200)
    assert watermark.advance(caught_up=False) == 200
    clock.now_s += 11
    watermark.add(400)
    # The two are long past, and the queue is not empty: what comes next is expected to be as old as the latest.
    assert watermark.advance(caught_up=False) == 400
    clock.now_s += 11
    assert watermark.advance(caught_up=False) == 400
    assert watermark.advance(caught_up=True) == 1012


def test_what_is_held_holds_it(watermark, clock):
    watermark.add(300)
    clock.now_s += 60
    assert watermark.advance(caught_up=True, held_s=[500, 400]) == 400


def test_a_late_message_neither_turns_it_back_nor_holds_it_up(watermark, clock):
    assert watermark.advance(caught_up=True) == 990
    watermark.add(100)
    clock.now_s += 3
    assert watermark.advance(caught_up=True, held_s=[100]) == 993
