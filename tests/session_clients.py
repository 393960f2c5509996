"""The server of `python -m live serve` in a thread, and what its clients send."""

import asyncio
import contextlib
import dataclasses
import json
import pathlib
import struct
import threading
from collections.abc import Iterator

import numpy as np
from websockets.exceptions import ConnectionClosed as ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from beam_jobs.pose.estimator import Pose, nobody
from live.defaults import DEFAULT_BUNDLE
from live.server import app, listening
from live.server.limits import Limits
from model import rehearsal
from model.exported_bundle import ExportedBundle

FRAME_MS = 1000 / 15


@dataclasses.dataclass(frozen=True)
class Served:
    """A server that listens; GET /health counts its sessions.

    Attributes:
      port: on loopback.
    """

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def open(self, **options) -> Iterator[ClientConnection]:
        """A WebSocket whose hello is read already."""
        with self.connect(**options) as socket:
            assert "hello" in json.loads(socket.recv(timeout=10))
            yield socket

    def connect(self, **options) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.port}/session", **{"compression": None, **options})


@contextlib.contextmanager
def serving(
    bundle: ExportedBundle, pose_model: pathlib.Path, page: pathlib.Path, limits: Limits | None = None, **options
) -> Iterator[Served]:
    """Uvicorn with the app, in a thread of its own."""
    limits = limits or Limits()
    options = {"name": "bundle", "host": "127.0.0.1", "page": page, "vendor": page / "vendor", **options}
    started = threading.Event()
    bound = listening.listen("127.0.0.1", 0, limits)
    server = app.Server(
        app.build(bundle, pose_model_path=str(pose_model), limits=limits, **options), limits, started.set
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[bound])), daemon=True)
    port = bound.getsockname()[1]
    thread.start()
    assert started.wait(10)
    try:
        yield Served(port)
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


def athletes(label: str | None = None) -> list[list[Pose]]:
    """Poses of synthetic athletes who do an exercise, at 15 Hz: the default bundle's rehearsal clips, 4 s each."""
    clips = [clip for clip in rehearsal.load(DEFAULT_BUNDLE) if label in (None, clip.label)]
    return [[pose(row) for row in clip.landmarks] for clip in clips]


def pose(world: np.ndarray) -> Pose:
    """A pose in the middle of a picture that is three metres wide."""
    if np.isnan(world).any():
        return nobody()
    world = world.astype(np.float32)
    ones = np.ones(len(world), np.float32)
    return Pose(world, (world / 3 + 0.5).astype(np.float32), ones, ones)


def timestamp_ms(index: int) -> int:
    return round(index * FRAME_MS)


def pack(time_ms: float, people: list[Pose], brightness: float = float("nan")) -> bytes:
    """A message of landmarks, as the protocol has it; people who are not detected are left out."""
    rows = [
        np.concatenate([one.world, one.image, one.visibility[:, None], one.presence[:, None]], axis=1)
        for one in people
        if one.detected
    ]
    return struct.pack("<dfI", time_ms, brightness, len(rows)) + b"".join(row.astype("<f4").tobytes() for row in rows)
