"""How many sessions `python -m live serve` serves on one core: real WebSocket clients in a process of their own.

The clients send landmark sequences at 15 Hz, each session another one, begun at another time: the default bundle's
rehearsal clips (synthetic athletes), or, by --landmarks FILE.npy, rows of shape (T, 33, 3). Printed for each number of
sessions: the delay from a frame that is due to its answer, the server's CPU seconds for each session's second, and the
share of frames that were answered in time. Some clients are slow or hostile, if --hostile is above 0.

A number of sessions is served at full rate where 99 % of the answers come before the next frame is due (67 ms) and
none are missing.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import re
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import session_clients
import websockets
from session_clients import pack

FRAME_S = 1 / 15
CLOCK = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 50, 100, 150, 200])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--hostile", type=int, default=5, help="further clients that are slow, send nonsense or floods")
    parser.add_argument("--cpu", type=int, help="the server's only core (taskset); the clients get the others")
    parser.add_argument("--landmarks", help="rows of landmarks to send, .npy, shape (T, 33, 3), 15 Hz")
    args = parser.parse_args()
    print("sessions  p50 ms  p95 ms  p99 ms  late %  missing  CPU s / session s  CPU %  MB", flush=True)
    for num_sessions in args.sessions:
        print(measured(num_sessions, args), flush=True)


def measured(num_sessions: int, args: argparse.Namespace) -> str:
    """A line of the table: one server, one run."""
    server, url = started(args.cpu)
    try:
        queue = multiprocessing.Queue()
        clients = multiprocessing.Process(target=run_clients, args=(url, num_sessions, args, queue))
        clients.start()
        # A process of their own: what they do to themselves is not what is measured.
        hostile = multiprocessing.Process(target=run_nuisances, args=(url, args), daemon=True)
        hostile.start()
        assert queue.get(timeout=120) == "ready"
        before, began = cpu_seconds(server.pid), time.monotonic()
        delays_s, missing = queue.get(timeout=args.seconds + 120)
        spent, lasted = cpu_seconds(server.pid) - before, time.monotonic() - began
        clients.join()
        delays_ms = 1000 * np.array(delays_s)
        p50, p95, p99 = np.percentile(delays_ms, [50, 95, 99])
        late = 100 * np.mean(delays_ms > 1000 * FRAME_S)
        per_session = spent / lasted / num_sessions
        return (
            f"{num_sessions:8d} {p50:7.1f} {p95:7.1f} {p99:7.1f} {late:7.2f} {missing:8d} {per_session:18.5f} "
            f"{100 * spent / lasted:6.1f} {megabytes(server.pid):4.0f}"
        )
    finally:
        hostile.kill()
        server.send_signal(signal.SIGINT)
        server.wait(20)


def started(cpu: int | None) -> tuple[subprocess.Popen, str]:
    """A server as a user starts it, and its sessions' address."""
    pinned = [] if cpu is None else ["taskset", "-c", str(cpu)]
    command = [*pinned, sys.executable, "-m", "live", "serve", "--port", "0", "--max_sessions", "1000"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    (address,) = re.findall(r"http://([^ ]*/)", server.stdout.readline())
    return server, f"ws://{address}session"


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK


def megabytes(pid: int) -> float:
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024


def run_clients(url: str, num_sessions: int, args: argparse.Namespace, queue) -> None:
    """All clients of a run, in one process; the server has the other core for itself."""
    keep_off(args.cpu)
    if args.landmarks:
        rows = np.load(args.landmarks)
        clips = [np.roll(rows, 37 * index, axis=0) for index in range(50)]
        clips = [[session_clients.pose(row) for row in clip[:600]] for clip in clips]
    else:
        clips = session_clients.athletes()
    # Packed beforehand, all but the time: the clients share a machine with the server.
    packed = [[pack(0, [pose], 120.0) for pose in clip] for clip in clips]
    asyncio.run(clients(url, num_sessions, args, packed, queue))


async def clients(url: str, num_sessions: int, args: argparse.Namespace, packed, queue) -> None:
    ready, delays_s, missing = asyncio.Event(), [], []
    order = np.random.default_rng(0).permutation(len(packed))
    sockets = [await open_session(url) for _ in range(num_sessions)]
    tasks = []
    for index, socket in enumerate(sockets):
        # Answers are due every third frame: people begin at any time, so not all at once.
        start_s = (index / num_sessions) * 3 * FRAME_S
        sent = [packed[order[(index + turn) % len(packed)]] for turn in range(8)]
        sent = [message for clip in sent for message in clip]
        tasks.append(asyncio.create_task(session(socket, sent, start_s, args.seconds, ready, delays_s, missing)))
    # What begins at once is not what is measured.
    await asyncio.sleep(0.5)
    queue.put("ready")
    ready.set()
    await asyncio.gather(*tasks)
    queue.put((delays_s, sum(missing)))


def run_nuisances(url: str, args: argparse.Namespace) -> None:
    """The slow and hostile clients, until they are killed."""

    async def all_of_them() -> None:
        message = pack(0, [session_clients.athletes()[0][0]])
        await asyncio.gather(*(nuisance(url, index, message) for index in range(args.hostile)))

    keep_off(args.cpu)
    asyncio.run(all_of_them())


def keep_off(cpu: int | None) -> None:
    """Leaves the server's core to it, where there is another."""
    if cpu is not None:
        os.sched_setaffinity(0, set(range(os.cpu_count())) - {cpu} or {cpu})


async def open_session(url: str):
    socket = await websockets.connect(url, compression=None, max_queue=None)
    assert "hello" in json.loads(await socket.recv())
    return socket


async def session(socket, messages, start_s, seconds, ready, delays_s, missing) -> None:
    """One client: a frame every 67 ms, whatever comes back; delays are counted from when a frame was due."""
    await ready.wait()
    loop = asyncio.get_running_loop()
    began_s, num_frames = loop.time() + start_s, int(seconds / FRAME_S)

    async def read() -> int:
        for expected in range(0, num_frames, 3):
            answer = json.loads(await socket.recv())
            assert answer["timestamp_ms"] == session_clients.timestamp_ms(expected), answer
            delays_s.append(loop.time() - began_s - expected * FRAME_S)
        return 0

    reader = asyncio.create_task(read())
    for index in range(num_frames):
        await asyncio.sleep(max(0, began_s + index * FRAME_S - loop.time()))
        message = messages[index % len(messages)]
        await socket.send(struct.pack("<d", session_clients.timestamp_ms(index)) + message[8:])
    try:
        await asyncio.wait_for(reader, 10)
    except Exception as error:
        print(f"a session broke off: {error!r}", file=sys.stderr)
        missing.append(1)
    await socket.close()


async def nuisance(url: str, index: int, message: bytes) -> None:
    """A client that does harm, again and again: floods, nonsense, huge messages; reads nothing, or only connects."""
    kind = index % 5
    while True:
        with contextlib.suppress(OSError, websockets.WebSocketException, asyncio.TimeoutError):
            async with websockets.connect(url, compression=None, max_queue=1) as socket:
                if kind == 0:
                    for time_ms in range(1000):
                        await socket.send(struct.pack("<d", time_ms) + message[8:])
                elif kind == 1:
                    await socket.send(b"0" * 1000)
                elif kind == 2:
                    await socket.send(b"0" * 10_000_000)
                elif kind == 3:
                    # Reads no answer: its own buffers fill, then the server's.
                    for time_ms in range(1, 10_000_000, 67):
                        await asyncio.wait_for(socket.send(struct.pack("<d", time_ms) + message[8:]), 60)
                        await asyncio.sleep(0.04)
                else:
                    await socket.close()
        await asyncio.sleep(0.2)


if __name__ == "__main__":
    main()
