"""Frames in shared memory: what is taken is what was put; the writer waits; each side sees when the other is gone."""

import os
import subprocess
import sys

import numpy as np
import pytest

from beam_jobs.video.frame_ring import FrameReader, FrameWriter, num_slots

# The writer's process: puts frames 0, 1, 2, … of one size, says the offset of each, and ends after the last.
WRITE = """
import sys
import numpy as np
from beam_jobs.video.frame_ring import FrameWriter

ring = FrameWriter(int(sys.argv[1]), int(sys.argv[2]))
height, width, num = map(int, sys.argv[3:])
for number in range(num):
    print(ring.put(np.full((height, width, 3), number, np.uint8)), flush=True)
"""


def start_writer(ring: FrameReader, *shape_and_num: int) -> subprocess.Popen:
    command = [sys.executable, "-c", WRITE, *map(str, ring.inherited), *map(str, shape_and_num)]
    process = subprocess.Popen(command, pass_fds=ring.inherited, stdout=subprocess.PIPE, text=True)
    ring.started()
    return process


@pytest.fixture
def ring():
    reader = FrameReader()
    yield reader
    reader.close()


def test_large_pictures_get_fewer_slots():
    """4 of 640 x 360; of 8K one, though it alone is more than the memory that is wanted."""
    assert [num_slots(h * w * 3) for h, w in ((360, 640), (1080, 1920), (2160, 3840), (4320, 8192))] == [4, 2, 1, 1]


def test_frames_come_as_they_were_put(ring):
    """Ten frames through four slots: each slot is used again only after its frame was copied."""
    process = start_writer(ring, 5, 7, 10)
    for number in range(10):
        offset = int(process.stdout.readline())
        assert offset == number % 4 * 5 * 7 * 3
        image = ring.take(offset, (5, 7, 3))
        assert (image == number).all()
    assert process.wait(10) == 0
    process.stdout.close()


def test_the_writer_waits_for_a_free_slot(ring):
    """It is four frames ahead at most; a fifth is put when one was taken."""
    process = start_writer(ring, 5, 7, 6)
    offsets = [int(process.stdout.readline()) for _ in range(4)]
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    frames = [ring.take(offset, (5, 7, 3)) for offset in offsets]
    assert [frame[0, 0, 0] for frame in frames] == [0, 1, 2, 3]
    assert process.wait(10) == 0
    process.stdout.close()


def test_a_writer_ends_when_its_reader_is_gone():
    ring = FrameReader()
    process = start_writer(ring, 5, 7, 6)
    for _ in range(4):
        process.stdout.readline()
    ring.close()
    assert process.wait(10) == 1  # EOFError
    process.stdout.close()


def test_a_frame_beyond_the_memory_is_an_error(ring):
    """The writer died while it made the memory larger: no access behind the memory's end, which would be a signal."""
    with pytest.raises(OSError, match="the shared memory has 0 bytes; expected 105"):
        ring.take(0, (5, 7, 3))


def test_pictures_of_another_size_follow_when_the_ring_is_empty():
    """Two videos, one after the other; the second one's frames are larger than the memory of the first one's."""
    ring = FrameReader()
    memory, given_back = (os.dup(descriptor) for descriptor in ring.inherited)
    writer = FrameWriter(memory, given_back)
    small = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    large = np.arange(8 * 9 * 3, dtype=np.uint8).reshape(8, 9, 3)
    assert (ring.take(writer.put(small), small.shape) == small).all()
    writer.wait_until_empty()
    assert (ring.take(writer.put(large), large.shape) == large).all()
    ring.close()
    os.close(memory)
    os.close(given_back)
