"""python -m beam_jobs: parse, validate, build, run."""

import gc
import importlib
import os
import sys

from beam_jobs import native_logs, options
from beam_jobs.errors import report_user_errors

_MODULES = {
    "athletes": "beam_jobs.athletes.command",
    "extract": "beam_jobs.extract.command",
    "import": "beam_jobs.import_landmarks.command",
    "compact": "beam_jobs.compact.command",
    "features": "beam_jobs.features.command",
    "segments": "beam_jobs.find_segments.command",
    "stream": "beam_jobs.stream.command",
}


@report_user_errors
def main(argv: list[str] | None = None) -> int:
    """Runs one command; see --help."""
    args, beam_args = options.parse(argv)
    # Beam's modules are objects that stay: looking for garbage among them took a sixth of their import's time.
    gc.disable()
    # Here and not above: --help and mistakes need neither Beam nor OpenCV.
    command = importlib.import_module(_MODULES[args.command])
    gc.enable()
    return command.run(args, beam_args)


if __name__ == "__main__":
    native_logs.silence_native_stderr()  # for the local workers too, which are this process's children
    exit_code = main()
    if "beam_jobs.runner" in sys.modules:
        importlib.import_module("beam_jobs.runner").stop_engines()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: taken down one by one, the threads of gRPC and MediaPipe abort the process now and then (seen: -6).
    os._exit(exit_code)
