"""Small HTTP servers on loopback, for streams and recordings behind an address."""

import contextlib
import http.server
import threading
import time
from collections.abc import Iterator, Sequence

import cv2
import numpy as np


class _QuietHandler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(handler: type) -> Iterator[str]:
    """Runs a server; yields its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def file_handler(content: bytes, num_sent: int) -> type:
    """Promises a whole file and sends some of it."""

    class Handler(_QuietHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(content[:num_sent])

    return Handler


def mjpeg_handler(
    pictures: Sequence[np.ndarray], frame_rate_hz: float, sent_at_s: dict[int, float] | None = None
) -> type:
    """A network camera: the pictures as MJPEG at their rate, then the end; notes when each one went out."""

    class Handler(_QuietHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            begun_s = time.monotonic()
            with contextlib.suppress(ConnectionError):
                for number, picture in enumerate(pictures):
                    _, jpeg = cv2.imencode(".jpg", picture)
                    time.sleep(max(0, begun_s + number / frame_rate_hz - time.monotonic()))
                    self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n")
                    self.wfile.write(f"Content-Length: {len(jpeg)}\r\n\r\n".encode() + jpeg.tobytes() + b"\r\n")
                    self.wfile.flush()
                    if sent_at_s is not None:
                        sent_at_s.setdefault(number, time.monotonic())

    return Handler
