"""Runs a pipeline to its end, and reports how it ended."""

import contextlib
import gc
import os
import re
import signal
import sys
import threading

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.job_server import StopOnExitJobServer
from apache_beam.runners.runner import PipelineResult, PipelineState

from beam_jobs import beam_options, dataflow_options
from beam_jobs.errors import UsageError, UserError, error_in_text

# The name that Beam's local runner gives the threads that wait for its worker processes.
_WORKER_THREAD = "run_worker"
# How Beam's error about a worker ends that Ctrl-C has stopped: a terminal sends it to all processes of a job at once.
_INTERRUPTED = ("return code -2", "return code 130")
# How Beam hands on Ctrl-C that met a step, as in a job that runs in this process.
_STEP_INTERRUPTED = "KeyboardInterrupt [while running "
# What an engine says of a job whose worker process is gone: Beam's job service (twice), Prism.
_WORKER_GONE = ("Channel closed prematurely", "Data channel closed", "SDK worker disconnected")


# How Prism says which part of a job it does not have.
_UNSUPPORTED = re.compile(r'unsupported feature "(.*?)(?:See |" set with)', re.DOTALL)


def _worker_gone(text: str, advice: str) -> UserError | None:
    """The error of a job that an engine gave up because a worker process died; None for other errors."""
    if not any(sign in text for sign in _WORKER_GONE):
        return None
    said = text.strip().splitlines()[-1]
    return UserError(
        f"The engine lost a worker process ({said}): its native code crashed, memory ran out, or it was stopped. What "
        f"is done is kept: run the same command again to continue{advice}."
    )


def new_pipeline(beam_args: list[str], command: str) -> beam.Pipeline:
    """An empty pipeline with Beam's options, whose workers install what `command` needs.

    Raises:
      UsageError: if Beam finds that options are missing or do not go together, or nothing is at --job_endpoint.
    """
    beam_options.check_job_endpoint(beam_args)
    os.environ[dataflow_options.WORKER_EXTRAS_VARIABLE] = dataflow_options.worker_extras(command)
    try:
        return beam.Pipeline(options=PipelineOptions(beam_args))
    except ValueError as error:
        raise UsageError(f"Beam's options: {' '.join(str(error).split())}. See beam_jobs/README.md.") from None


def submit(pipeline: beam.Pipeline) -> PipelineResult:
    """Hands a pipeline to a runner elsewhere and does not wait for its end.

    Raises:
      UserError: if the runner does not take it.
    """
    try:
        return pipeline.run()
    except Exception as error:
        raise _refused(error) from error


def stop_engines() -> None:
    """Ends the engines that Beam has started as child processes (Prism, Flink's job server), at this process's end.

    Beam does so by `atexit`, which a process that ends by `os._exit` leaves out.
    """
    for started in [one for one in gc.get_objects() if isinstance(one, StopOnExitJobServer)]:
        started.stop()


def job_name(result: PipelineResult) -> str:
    """What a submitted job is called by its runner: an id where there is one."""
    job_id = getattr(result, "job_id", None)
    if not callable(job_id) or not getattr(result, "has_job", True):
        return "the job"
    return f"job {job_id()}"


def _refused(error: Exception) -> Exception:
    """The error of a service that does not take a job, or in which it failed, as the user's; others as they are."""
    unsupported = _UNSUPPORTED.search(str(error))
    if unsupported is not None:
        return UserError(
            f"Prism cannot run this job ({unsupported[1].strip()}). Run it on another engine (beam_jobs/engines.md)."
        )
    # By their names: the client of Dataflow is imported by its runner alone.
    names = {f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}
    if "google.GoogleAPICallError" in names or "google.GoogleAuthError" in names:
        return UserError(
            f"The service did not take the job ({' '.join(str(error).split())}). Check --project, --region, and the "
            "roles of your account (beam_jobs/dataflow.md)."
        )
    if "apache_beam.DataflowRuntimeException" in names:
        return error_in_text(str(error)) or UserError(f"The job failed. {error}")
    return error


def run(pipeline: beam.Pipeline) -> PipelineResult:
    """Runs a pipeline and waits for its end; call it in the main thread.

    When a local worker process dies (native code crashed, memory ran out), Beam's local runner waits for it for ever:
    here the job ends. Seen in Beam 2.77, whose SubprocessSdkWorkerHandler starts a thread named "run_worker" for each
    worker, and nothing looks at the error that ends it. An issue of Beam's about it was looked for and not found.

    Raises:
      UserError: if a worker process died, or the job ended in another state than done.
    """
    died: list[str] = []
    stopping = threading.Event()
    others: list[threading.ExceptHookArgs] = []
    former = threading.excepthook

    def notice(args: threading.ExceptHookArgs) -> None:
        if args.thread is None or args.thread.name != _WORKER_THREAD:
            others.append(args)  # Beam's own threads raise when a worker dies, at times before the death is known
        elif not died and not stopping.is_set():
            died.append(str(args.exc_value))
            if died[0].endswith(_INTERRUPTED) and stopping.wait(timeout=2):
                return  # this process got the same Ctrl-C, and ends
            # A real signal: it also wakes a main thread that waits for a lock.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.excepthook = notice
    # A shell starts background jobs with this signal ignored; then our signal would have no effect.
    former_handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = pipeline.run()
        state = result.wait_until_finish() or result.state
    except RuntimeError as error:  # Beam hands on what was raised in a worker as a text
        if _STEP_INTERRUPTED in str(error):
            stopping.set()
            raise KeyboardInterrupt from None
        user_error = error_in_text(str(error)) or _worker_gone(str(error), "")
        if user_error is None:
            raise
        raise user_error from error
    except KeyboardInterrupt:
        stopping.set()
        if not died or died[0].endswith(_INTERRUPTED):
            raise
        raise UserError(
            f"A worker process died ({died[0]}): its native code crashed or memory ran out. What is done is kept: "
            "run the same command again to continue, with --direct_num_workers=1 if memory ran out."
        ) from None
    except Exception as error:
        raise _refused(error) from error
    finally:
        # The workers of a job that is stopping go on dying: no traceback of each.
        threading.excepthook = notice if stopping.is_set() else former
        signal.signal(signal.SIGINT, former_handler)
        for args in [] if died or stopping.is_set() else others:
            former(args)
    if state != PipelineState.DONE:
        raise UserError(f"The Beam job ended as {state}; expected {PipelineState.DONE}. Its log says why.")
    return result


# Prism keeps what is under way in memory alone; Flink and Dataflow do not give up here.
_LOST = ", and once with --source files: notifications that were under way may be lost"
# How a job that never ends by itself may end.
_STOPPED = (PipelineState.DONE, PipelineState.CANCELLED, PipelineState.DRAINED, PipelineState.UPDATED)


def run_until_stopped(pipeline: beam.Pipeline, cancel: bool = True) -> PipelineResult:
    """Runs a pipeline that never ends by itself, until it is stopped here (Ctrl-C, SIGTERM) or elsewhere.

    Args:
      pipeline: to run.
      cancel: whether stopping here cancels the job; else it goes on, and only the launcher ends.

    Raises:
      UserError: if the job failed, the runner does not take it, or a worker process died and no other was started.
    """
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    result = submit(pipeline)
    try:
        state = result.wait_until_finish() or result.state
    except KeyboardInterrupt:
        if not cancel:
            print(f"{job_name(result)} goes on; cancel or drain it by its service.", file=sys.stderr)
            return result
        print("stopping …", file=sys.stderr)
        with contextlib.suppress(Exception):  # a runner that cannot be cancelled ends with this process
            result.cancel()
        return result
    except Exception as error:
        # Dataflow's client raises for every end but DONE.
        if type(error).__name__ == "DataflowRuntimeException" and result.state in _STOPPED:
            return result
        raise (error_in_text(str(error)) or _worker_gone(str(error), _LOST) or _refused(error)) from error
    finally:
        signal.signal(signal.SIGTERM, former)
    if state not in _STOPPED:
        raise UserError(f"The Beam job ended as {state}; expected to be stopped. Its log says why.")
    return result
