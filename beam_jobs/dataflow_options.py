"""What a job asks of Dataflow: options that must be there, and defaults for those that are not given.

Everything is one of Beam's own options and can be given on the command line instead.
"""

import os
from collections.abc import Sequence

from beam_jobs.errors import UsageError

RUNNER = "DataflowRunner"

# Named for setup.py, which builds what a worker installs: see `worker_extras`.
WORKER_EXTRAS_VARIABLE = "EXERCISE_RECOGNITION_WORKER_EXTRAS"
# The extras of setup.py that the workers of each command need.
_WORKER_EXTRAS = {
    "extract": ("jobs", "pose"),
    "features": ("transform",),
    "segments": ("transform",),
    "compact": ("jobs",),
    "stream": ("stream",),
}

# A worker's memory at the least, for two processes. Measured peak of one: 0.6 GB with extract and its decoder
# (results/scale.md), 1.1 GB with features; stream has both.
_MIN_RAM = {"extract": "2GB", "compact": "2GB", "features": "4GB", "segments": "4GB", "stream": "4GB"}

_NEEDED = ("project", "region", "temp_location")
# Each brings this package to the workers, which cannot read the launcher's disk.
_PACKAGE = ("setup_file", "sdk_container_image", "extra_package", "extra_packages")


def values(beam_args: Sequence[str], name: str) -> list[str]:
    """What a flag was given, each time; both `--name value` and `--name=value`."""
    found = []
    for index, arg in enumerate(beam_args):
        flag, equals, value = arg.partition("=")
        if flag == f"--{name}":
            found.append(value if equals else next(iter(beam_args[index + 1 : index + 2]), ""))
    return found


def given(beam_args: Sequence[str], *names: str) -> bool:
    """Whether any of some flags stands in a command line."""
    return any(arg.partition("=")[0] == f"--{name}" for arg in beam_args for name in names)


def check(beam_args: Sequence[str]) -> None:
    """Refuses a job that Dataflow would refuse, or whose workers would fail.

    Raises:
      UsageError: naming the options that are missing.
    """
    missing = [name for name in _NEEDED if not given(beam_args, name)]
    if "region" in missing and os.environ.get("CLOUDSDK_COMPUTE_REGION"):
        missing.remove("region")
    if missing:
        raise UsageError(
            f"--runner={RUNNER} needs {', '.join(f'--{name}' for name in missing)} as well; expected for example "
            "--project=PROJECT --region=europe-west4 --temp_location=gs://BUCKET/tmp."
        )
    if not given(beam_args, *_PACKAGE):
        raise UsageError(
            f"with --runner={RUNNER}, workers have only Beam; expected --sdk_container_image=IMAGE (made from this "
            "project's Dockerfile), or --setup_file=./setup.py in a checkout. See beam_jobs/dataflow.md."
        )
    for path in values(beam_args, "temp_location") + values(beam_args, "staging_location"):
        if not path.startswith("gs://"):
            raise UsageError(f"--temp_location and --staging_location must be gs:// paths, not {path}.")


def with_defaults(beam_args: Sequence[str], command: str) -> list[str]:
    """Beam's options completed for a job of `command` on Dataflow.

    One SDK process runs on each core (Beam's default there); here each takes one bundle, so one video, at a time:
    native code keeps a core busy by itself, and memory stays bounded. Two labels let bills be told by command.
    """
    args = _with_absolute_setup_file(beam_args)
    args += ["--label=application=exercise-recognition", f"--label=command={command}"]
    if not given(args, "number_of_worker_harness_threads"):
        args.append("--number_of_worker_harness_threads=1")
    # For the whole job and not for one step: Dataflow starts a pool of workers for each set of hints.
    if not any(value.startswith(("min_ram=", "minRam=")) for value in _hints(args)) and not given(args, "machine_type"):
        args.append(f"--resource_hints=min_ram={_MIN_RAM[command]}")
    # A day: an hour of video takes some twenty minutes. What hangs longer than that would hang, and cost, for ever.
    if not given(args, "element_processing_timeout_minutes"):
        args.append("--element_processing_timeout_minutes=1440")
    return args


def _hints(beam_args: Sequence[str]) -> list[str]:
    return values(beam_args, "resource_hints") + values(beam_args, "resource_hint")


def _with_absolute_setup_file(beam_args: Sequence[str]) -> list[str]:
    # Beam changes to the folder of setup.py; that of a bare "setup.py" is "", and it fails.
    args = []
    follows = False
    for arg in beam_args:
        flag, equals, value = arg.partition("=")
        if follows or (flag == "--setup_file" and equals):
            path = os.path.abspath(arg if follows else value)
            args.append(path if follows else f"--setup_file={path}")
        else:
            args.append(arg)
        follows = arg == "--setup_file"
    return args


def worker_extras(command: str) -> str:
    """The extras of this package that workers of a command need, with commas between.

    Beam makes a source distribution by setup.py, and a worker installs that file, which has no place to name extras. So
    setup.py reads them from the variable `WORKER_EXTRAS_VARIABLE` and writes them into the file.
    """
    return ",".join(_WORKER_EXTRAS[command])
