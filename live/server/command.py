"""python -m live serve: parse, validate, open, serve."""

import argparse
import errno
import ipaddress
import logging
import os
import pathlib
import re
import signal
import socket
import sys
import webbrowser
from typing import TYPE_CHECKING

from beam_jobs.errors import UsageError, UserError, report_user_errors
from beam_jobs.flags import flags_of, number, positive_int, unknown_flag
from live.defaults import add_bundle
from live.signals import SIGNALS, interrupt, open_closed_streams, separate_output, signals_exit_immediately

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from live.server.limits import Limits

_EXAMPLES = """examples:
  python -m live serve                                  open the address that it prints in a browser
  python -m live serve --port 0 --open                  any free port, and the browser opens by itself
  python -m live serve --allowed_origin https://coach.example
                                                        behind a reverse proxy that speaks TLS under that name

  python -m live serve --static site                    the page as files for any web server; nothing runs on it

The page runs MediaPipe in the browser and sends landmarks, never pictures. Only this machine can reach the server
unless --host says otherwise. Browsers give a camera to pages of this machine and to https ones alone, so for others
put a reverse proxy with TLS in front (see live/README.md). Ctrl-C ends the server.
"""
_port = number(int, lambda value: 0 <= value <= 65535, "a port, 0 to 65535")


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses and checks the command line; unknown flags and contradictions are errors (exit code 2)."""
    parser = argparse.ArgumentParser(
        "python -m live serve",
        description="Serves a page on which browsers recognise exercises with their own camera, by a bundle.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_bundle(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on; 0 is any free one (default: 8000)")
    parser.add_argument(
        "--max_sessions", type=positive_int, default=50, metavar="N", help="how many people's browsers at once"
    )
    parser.add_argument(
        "--num_people",
        type=positive_int,
        default=1,
        metavar="N",
        help="people in a session, at most (default: 1)",
    )
    parser.add_argument(
        "--allowed_origin",
        action="append",
        default=[],
        metavar="URL",
        help="a further address under which browsers open the page, like https://coach.example; may be repeated",
    )
    parser.add_argument(
        "--pose_model", metavar="FILE.task", help="pose model, local or gs:// (default: the cached one)"
    )
    parser.add_argument(
        "--static",
        metavar="DIR",
        help="write the page as files to DIR, local or gs://, and serve nothing: the browser does all of the work",
    )
    parser.add_argument("--open", action="store_true", help="open the page in this machine's browser")
    parser.add_argument("--verbose", action="store_true", help="show what LiteRT and Uvicorn log")
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        raise unknown_flag(unknown[0], flags_of(parser), "python -m live serve --help")
    for origin in args.allowed_origin:
        if not re.fullmatch(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", origin):
            parser.error(
                f"argument --allowed_origin: {origin}; expected what browsers send, like https://coach.example: a "
                "scheme and a host in lower case, a port where it is not the usual one, no slash at the end"
            )
    return args


@report_user_errors
def main(argv: list[str] | None = None) -> int:
    """Runs the command; see --help."""
    open_closed_streams()
    args = parse(argv)
    # Set, not inherited: a shell's background job ignores Ctrl-C's signal, and a service manager sends SIGTERM.
    for one in SIGNALS:
        signal.signal(one, interrupt)
    return run(args)


def run(args: argparse.Namespace) -> int:
    """Opens everything, the quick and fallible first, and serves until a signal comes."""
    from beam_jobs import storage
    from beam_jobs.pose import model_file
    from live import vendor
    from live.server.limits import Limits
    from model import bundle as bundles

    if not storage.is_folder(args.bundle):
        raise UsageError(f"--bundle {args.bundle} does not exist; expected a bundle (python -m model train makes one).")
    metadata = bundles.read_metadata(args.bundle)

    def fitting_pose_model() -> str:
        path = model_file.locate(args.pose_model)
        made = {**metadata["fingerprint"], "pose_model_sha256": model_file.sha256(path)}
        bundles.check_fingerprint(metadata["fingerprint"], made, "this pose model")
        return path

    if args.static is not None:
        return _write_static_page(args, fitting_pose_model())
    limits = Limits(max_sessions=args.max_sessions, max_people=args.num_people)
    with _listen(args.host, args.port, limits) as bound:
        app = _build(args, limits, fitting_pose_model(), vendor.PAGE, vendor.locate())
        return _serve(app, limits, bound, args)


def _write_static_page(args: argparse.Namespace, pose_model_path: str) -> int:
    from live import static_page
    from live.recognizer import DEFAULT_MIN_PROBABILITY

    # LiteRT's own lines.
    with separate_output(args.verbose):
        static_page.write(args.bundle, _name_of(args.bundle), pose_model_path, args.static, DEFAULT_MIN_PROBABILITY)
    print(
        f"{args.static} holds the page. Put it on any web server with https; to try it here: python -m http.server "
        f"--bind 127.0.0.1 --directory {args.static}"
    )
    return 0


def _listen(host: str, port: int, limits: "Limits") -> socket.socket:
    from live.server import listening

    try:
        return listening.listen(host, port, limits)
    except socket.gaierror as error:
        raise UsageError(f"--host {host} has no address ({error.strerror}); expected one of this machine.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"port {port} of {host} is taken by another program. End it, or pass another --port (0: any free one)."
            ) from None
        if error.errno in (errno.EADDRNOTAVAIL, errno.EACCES):
            raise UserError(
                f"{host}, port {port} cannot be listened on ({error.strerror}); expected an address of this machine, "
                "and a port that you may use (1024 or more)."
            ) from None
        raise


def _build(
    args: argparse.Namespace, limits: "Limits", pose_model_path: str, page: pathlib.Path, libraries: pathlib.Path
) -> "ASGIApp":
    with signals_exit_immediately(130):
        try:
            from live.server import app as served
        except ModuleNotFoundError as error:
            if error.name not in ("starlette", "uvicorn", "websockets"):
                raise
            raise UserError(
                f"{error.name} is not installed; `serve` needs the extra of that name: pip install '.[serve]'."
            ) from None
        from model import exported_bundle
    # LiteRT's own lines.
    with separate_output(args.verbose):
        bundle = exported_bundle.load(args.bundle)
    name = _name_of(args.bundle)
    return served.build(bundle, name, pose_model_path, limits, page, libraries, args.host, args.allowed_origin)


def _name_of(bundle: str) -> str:
    """A bundle's name for the page: its folder's."""
    return os.path.basename(bundle.rstrip("/")) or "bundle"


def _serve(app: "ASGIApp", limits: "Limits", bound: socket.socket, args: argparse.Namespace) -> int:
    from live.server import app as served

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    served.quiet_uvicorn(args.verbose)
    url = page_url(args.host, bound.getsockname()[1])
    is_started = False

    def say() -> None:
        nonlocal is_started
        is_started = True
        print(f"Open {url} in a browser. Ctrl-C ends the server.", flush=True)
        if not _is_loopback(args.host) and not args.allowed_origin:
            print(
                "Other machines can reach this server, but their browsers give a camera to https pages alone: see "
                "live/README.md about a reverse proxy.",
                file=sys.stderr,
            )
        if args.open:
            webbrowser.open(url)

    try:
        served.Server(app, limits, say).run(sockets=[bound])
    except KeyboardInterrupt:
        if not is_started:
            raise
    return 0


def page_url(host: str, port: int) -> str:
    """Where this machine's browsers find the page of a server that listens on `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host}:{port}/"
    if address.is_unspecified:
        # All addresses of the machine; this is the one that gives browsers a camera.
        return f"http://localhost:{port}/"
    return f"http://[{host}]:{port}/" if address.version == 6 else f"http://{host}:{port}/"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
