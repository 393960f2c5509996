"""Beam's own options: checked, and completed for a run on this machine."""

import argparse
import contextlib
import io
import logging
import os
import socket

from beam_jobs import dataflow_options, storage
from beam_jobs.errors import UsageError

_LOCAL_RUNNER = "FnApiRunner"


def check_beam_options(beam_args: list[str]) -> str | None:
    """The first flag that Beam does not know, or None: PipelineOptions itself drops a misspelt one with a warning.

    Raises:
      UsageError: with what Beam's own parser objects to in a flag that it knows.
    """
    # Beam is imported only when one of its flags was given, so that --help and our own errors are quick.
    from apache_beam.options.pipeline_options import PipelineOptions

    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False, usage=argparse.SUPPRESS)
    for options in sorted(PipelineOptions.__subclasses__(), key=lambda options: options.__name__):
        with contextlib.suppress(argparse.ArgumentError):  # two of Beam's own classes may share a flag
            options._add_argparse_args(parser)  # type: ignore[arg-type]
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            _, unknown = parser.parse_known_args(beam_args)
    except SystemExit:
        raise UsageError(complaint.getvalue().strip().removeprefix("error: ")) from None
    return unknown[0] if unknown else None


def check_shared(beam_args: list[str], paths: dict[str, str | None], shared_disk: bool = False) -> None:
    """Refuses local paths for workers that may be on other machines, and do not see this disk.

    Workers are on this machine with Beam's local runner, and with an engine whose environment is LOOPBACK: they are
    then threads of this very process. No address says so for other environments: `localhost` in an engine's options
    is the worker's own host, and a job server on this machine may hand the job to a cluster elsewhere. So the user
    says it.

    Args:
      beam_args: Beam's options.
      paths: by the flag's name; None where it was not given.
      shared_disk: whether the user says that all workers see this disk under the same paths.

    Raises:
      UsageError: naming the first local path.
    """
    if not (shared_disk or is_local(beam_args) or _in_this_process(beam_args)):
        for name, path in paths.items():
            if path is not None and not storage.is_remote(path):
                raise UsageError(
                    f"--{name} {path} is on this machine, but the workers of --runner={runner_of(beam_args)} are not "
                    "known to see this disk; expected a gs:// path. Copy it there, leave --runner out, or add "
                    "--shared_disk if all workers see this path (they run on this machine, or its folder is mounted)."
                )


def check_job_endpoint(beam_args: list[str]) -> None:
    """Refuses the address of an engine where nothing listens; Beam would wait for minutes.

    Raises:
      UsageError: with the address.
    """
    address = _option(beam_args, "job_endpoint", "")
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        except OSError as error:
            raise UsageError(
                f"nothing answers at --job_endpoint {address} ({error}); expected a job service, such as Prism's. "
                "Start it first."
            ) from None


def _option(beam_args: list[str], name: str, default: str) -> str:
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument(f"--{name}", dest="value", default=default)
    return str(parser.parse_known_args(beam_args)[0].value)


def runner_of(beam_args: list[str], default: str | None = None) -> str:
    """The runner's name, without the path of its module; by default the local one."""
    return _option(beam_args, "runner", default or _LOCAL_RUNNER).rpartition(".")[2]


def _in_this_process(beam_args: list[str]) -> bool:
    """Whether an engine sends its work back to this process; Prism does unless it is told otherwise."""
    default = "LOOPBACK" if runner_of(beam_args) == "PrismRunner" else ""
    return _option(beam_args, "environment_type", default) == "LOOPBACK"


def is_local(beam_args: list[str]) -> bool:
    """Whether Beam's options ask for a runner on this machine that shares its disk; so they do where none is named."""
    return runner_of(beam_args) in (_LOCAL_RUNNER, "DirectRunner")


def waits(beam_args: list[str]) -> bool:
    """Whether the launcher waits for the end of the job.

    Raises:
      UsageError: if it is not to wait for a job that ends with it.
    """
    # Not in PipelineOptions only: without Beam, which takes seconds to import.
    if not dataflow_options.given(beam_args, "no_wait_until_finish"):
        return True
    if is_local(beam_args):
        raise UsageError(
            f"--no_wait_until_finish: a job of --runner={runner_of(beam_args)} runs in this process; expected a runner "
            "elsewhere. Leave the flag out."
        )
    return False


def with_defaults(beam_args: list[str], command: str) -> list[str]:
    """Beam's options completed by what suits their runner: this machine's, or Dataflow's for a job of `command`.

    Raises:
      UsageError: if the runner needs options that are not given.
    """
    if runner_of(beam_args) == dataflow_options.RUNNER:
        dataflow_options.check(beam_args)
        return dataflow_options.with_defaults(beam_args, command)
    return with_local_defaults(beam_args)


def num_cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def with_local_defaults(beam_args: list[str]) -> list[str]:
    """Beam's options with this machine's as default: the FnApiRunner with a process a core.

    Its workers' messages are silenced: an exception reaches the user anyway, once, by the launcher.
    Beam's own default, DirectRunner, first tries to download another engine, and silently runs one or the other.
    """

    def given(name: str) -> bool:
        return any(arg == f"--{name}" or arg.startswith(f"--{name}=") for arg in beam_args)

    if not is_local(beam_args):
        return list(beam_args)
    for name in ("common", "portability", "worker"):
        logging.getLogger(f"apache_beam.runners.{name}").setLevel(logging.CRITICAL + 1)
    args = list(beam_args)
    if not given("runner"):
        args.append(f"--runner={_LOCAL_RUNNER}")
    if not given("direct_running_mode"):
        args.append("--direct_running_mode=multi_processing")
    if not given("direct_num_workers"):
        args.append(f"--direct_num_workers={num_cores()}")
    return args
