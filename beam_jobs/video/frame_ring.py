"""Memory that two processes share, in which one hands frames to the other: a few slots, each for one frame.

Through a pipe each frame was copied by the kernel twice, a few hundred kilobytes at a time, and each time one process
waited for the other. Measured once, over six clips without Beam: 21.1 s of processor time with a pipe, 20.5 s with
this; a loop without a second process took 19.4 s.
"""

import contextlib
import mmap
import os
import tempfile

import numpy as np

# So far may the writer be ahead of the reader; large pictures get fewer slots, at least one.
_MAX_SLOTS = 4
_MAX_BYTES = 16 << 20


def num_slots(frame_bytes: int) -> int:
    """How many frames of a size are in the ring at most."""
    return max(1, min(_MAX_SLOTS, _MAX_BYTES // max(1, frame_bytes)))


class FrameReader:
    """The reader's side, which makes the memory. A copied frame's slot is given back to the writer.

    Attributes:
      inherited: the file descriptors that the writer's process needs, for `FrameWriter`, until `started`.
    """

    def __init__(self) -> None:
        if hasattr(os, "memfd_create"):
            self._memory = os.memfd_create("frames")
        else:
            with tempfile.TemporaryFile() as file:
                self._memory = os.dup(file.fileno())
        self._theirs, self._free = os.pipe()
        self._mapped: mmap.mmap | None = None

    @property
    def inherited(self) -> tuple[int, int]:
        """Descriptors of the memory, and of the pipe in which slots are given back."""
        return self._memory, self._theirs

    def started(self) -> None:
        """Closes what only the writer's process needs, so that it sees when this process is gone."""
        os.close(self._theirs)
        self._theirs = -1

    def take(self, offset: int, shape: tuple[int, int, int]) -> np.ndarray:
        """A copy of the frame at an offset, uint8; its slot is free then.

        Raises:
          OSError: if there is no such frame: its writer died while it grew the memory.
        """
        num = int(np.prod(shape))
        if self._mapped is None or len(self._mapped) < offset + num:
            size = os.fstat(self._memory).st_size
            if size < offset + num:
                raise OSError(f"the shared memory has {size} bytes; expected {offset + num}")
            self._mapped = mmap.mmap(self._memory, size, prot=mmap.PROT_READ)
        image = np.frombuffer(self._mapped, np.uint8, num, offset).reshape(shape).copy()
        with contextlib.suppress(BrokenPipeError):  # the writer is gone; what it has written before is still of use
            os.write(self._free, b"1")
        return image

    def close(self) -> None:
        """Gives the memory back; may be called twice."""
        self._mapped = None
        descriptors, self._memory, self._theirs, self._free = (self._memory, self._theirs, self._free), -1, -1, -1
        for descriptor in descriptors:
            if descriptor >= 0:
                os.close(descriptor)


class FrameWriter:
    """The writer's side, in another process."""

    def __init__(self, memory: int, given_back: int) -> None:
        """Takes the file descriptors of `FrameReader.inherited`."""
        self._memory, self._given_back = memory, given_back
        self._mapped: mmap.mmap | None = None
        self._next, self._num_taken = 0, 0

    def put(self, image: np.ndarray) -> int:
        """Copies a frame, uint8, into the next free slot, and waits for one if need be; the slot's offset.

        All frames between two calls of `wait_until_empty` have the same size.

        Raises:
          EOFError: if the reader is gone.
          OSError: if there is no memory for it.
        """
        slots = num_slots(image.nbytes)
        while self._num_taken >= slots:
            self._wait()
        needed = slots * image.nbytes
        if self._mapped is None or len(self._mapped) < needed:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._memory, 0, needed)  # fails here, not by a signal when it is written to
            else:
                os.ftruncate(self._memory, needed)
            self._mapped = mmap.mmap(self._memory, needed)
        offset = self._next % slots * image.nbytes
        np.frombuffer(self._mapped, np.uint8, image.nbytes, offset)[:] = image.reshape(-1)
        self._next += 1
        self._num_taken += 1
        return offset

    def wait_until_empty(self) -> None:
        """Waits until every frame was taken: slots of another size would lie across those.

        Raises:
          EOFError: if the reader is gone.
        """
        while self._num_taken:
            self._wait()

    def _wait(self) -> None:
        num = len(os.read(self._given_back, _MAX_SLOTS))
        if not num:
            raise EOFError
        self._num_taken -= num
