"""What a file's own structure says and FFmpeg does not: whether its end is missing, whether it is a video at all.

Read without decoding: MP4/MOV boxes, Matroska/WebM's segment, AVI's RIFF chunks. Other containers say nothing.
"""

import dataclasses
import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

# Boxes that an MP4 may begin with, and that end where the file ends; others between them are skipped, as players do.
_TOP_BOXES = frozenset(
    (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"mfra", b"free", b"skip", b"wide", b"meta", b"sidx", b"uuid")
)
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


@dataclasses.dataclass(frozen=True)
class ContainerInfo:
    """What a file says about its own length.

    Attributes:
      num_bytes: how long the file should be; None where it does not say.
      num_bytes_actual: how long it is.
      has_index: false for an MP4 whose index (moov) was never written: nothing in it can be decoded.
    """

    num_bytes: int | None
    num_bytes_actual: int
    has_index: bool = True

    @property
    def is_truncated(self) -> bool:
        """Whether the end of the file is missing. One padding byte more or less does not count."""
        return not self.has_index or (self.num_bytes is not None and self.num_bytes > self.num_bytes_actual + 1)


def is_text(path: str) -> bool:
    """Whether a file begins like a text in UTF-8, as no video does."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character may be cut in two.
        return error.start > len(head) - 4 and error.reason == "unexpected end of data"
    return True


def is_animated_webp(path: str) -> bool:
    """Whether a file is a WebP of several pictures. Source: the WebP container's VP8X header and its flags."""
    with open(path, "rb") as file:
        head = file.read(21)
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) == 21 and bool(head[20] & 0x02)


def read_container_info(path: str) -> ContainerInfo:
    """Reads what the local file `path` says."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(12)
        try:
            if head[:4] == _EBML:
                return ContainerInfo(_matroska_end(file), size)
            if head[:4] == b"RIFF" and head[8:] == b"AVI ":
                return ContainerInfo(_riff_end(file, size), size)
            if head[4:8] in _TOP_BOXES:
                return _iso_media(file, size)
        except (struct.error, IndexError):
            # A header that breaks off or is nonsense says nothing; then the decoder decides.
            pass
    return ContainerInfo(None, size)


def _boxes(file: BinaryIO, position: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Yields (type, where the box ends) of the boxes between two positions."""
    while position + 8 <= end:
        file.seek(position)
        header = file.read(16)
        length, kind = struct.unpack(">I4s", header[:8])
        least = 8
        if length == 1 and len(header) == 16:
            length, least = struct.unpack(">Q", header[8:])[0], 16
        elif length == 0:
            length = end - position
        if length < least:
            return
        yield kind, position + length
        position += length


def _iso_media(file: BinaryIO, size: int) -> ContainerInfo:
    num_bytes, seen_to, has_index = 0, 0, False
    for kind, end in _boxes(file, 0, size):
        if kind not in _TOP_BOXES:
            if end > size or not all(32 <= byte < 127 for byte in kind):
                break  # not a box
            seen_to = end
            continue
        num_bytes = seen_to = end
        has_index |= kind == b"moov"
    if not has_index and seen_to + 8 <= size:
        return ContainerInfo(None, size)  # the index may follow what was not understood
    return ContainerInfo(num_bytes, size, has_index)


def _matroska_end(file: BinaryIO) -> int | None:
    file.seek(4)
    length = _vint(file)
    if length is None:
        return None
    file.seek(length, os.SEEK_CUR)
    if file.read(4) != _SEGMENT:
        return None
    length = _vint(file)
    return None if length is None else file.tell() + length


def _vint(file: BinaryIO) -> int | None:
    """EBML's number of variable length; None where it says "unknown" (a stream) or the file ends."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    extra = 8 - first[0].bit_length()
    rest = file.read(extra)
    bits = 7 * (extra + 1)
    value = int.from_bytes(first + rest, "big") & ((1 << bits) - 1)
    return None if len(rest) < extra or value == (1 << bits) - 1 else value


def _riff_end(file: BinaryIO, size: int) -> int | None:
    """End of the last RIFF chunk; large AVIs have several."""
    position = 0
    while position + 12 <= size:
        file.seek(position)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind != b"RIFF" or (position and file.read(4) != b"AVIX"):
            break
        if length in (0, 0xFFFFFFFF):
            # The recorder was stopped before it wrote the length.
            return None
        position += 8 + length + length % 2
    return position
