"""Running a pipeline to its end, and telling a person how it ended."""

import signal
import threading

import apache_beam as beam
from apache_beam.runners.runner import PipelineResult, PipelineState

from beam_jobs.errors import UserError, error_in_text

# The name that Beam's local runner gives the threads that wait for its worker processes.
_WORKER_THREAD = "run_worker"


def run(pipeline: beam.Pipeline) -> PipelineResult:
    """Runs a pipeline and waits for its end; call it in the main thread.

    When a local worker process dies (native code crashed, memory ran out), Beam's local runner waits for it for ever:
    here the job ends. Seen in Beam 2.77, whose SubprocessSdkWorkerHandler starts a thread named "run_worker" for each
    worker, and nothing looks at the error that ends it. An issue of Beam's about it was looked for and not found.

    Raises:
      UserError: if a local worker process died, or the job ended in another state than done.
    """
    died: list[str] = []
    others: list[threading.ExceptHookArgs] = []
    former = threading.excepthook

    def notice(args: threading.ExceptHookArgs) -> None:
        if args.thread is None or args.thread.name != _WORKER_THREAD:
            others.append(args)  # Beam's own threads stumble when a worker dies, sometimes before that is known
        elif not died:
            died.append(str(args.exc_value))
            # A real signal: it also wakes a main thread that waits for a lock.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.excepthook = notice
    # A shell starts what is in its background with this signal ignored; then ours would wake nobody.
    former_handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = pipeline.run()
        state = result.wait_until_finish() or result.state
    except RuntimeError as error:  # Beam hands on what was raised in a worker as a text
        told = error_in_text(str(error))
        if told is None:
            raise
        raise told from error
    except KeyboardInterrupt:
        if not died:
            raise
        raise UserError(
            f"A worker process died ({died[0]}): its native code crashed or memory ran out. What was whole is kept: "
            "run the same command again to go on, with --direct_num_workers=1 if memory ran out."
        ) from None
    finally:
        threading.excepthook = former
        signal.signal(signal.SIGINT, former_handler)
        for args in [] if died else others:
            former(args)
    if state != PipelineState.DONE:
        raise UserError(f"The Beam job ended as {state}; expected {PipelineState.DONE}. Its log says why.")
    return result
