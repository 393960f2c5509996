"""Nobody works on for a launcher that is gone."""

import os
import signal
import subprocess
import sys
import time

SCRIPT = """
import concurrent.futures, multiprocessing, os, time
from beam_jobs.child_processes import exit_with_parent

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context, initializer=exit_with_parent) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600).result()
"""


def test_a_worker_leaves_when_its_launcher_is_killed(tmp_path):
    script = tmp_path / "launcher.py"
    script.write_text(SCRIPT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=_with_us()) as launcher:
        worker = int(launcher.stdout.readline())
        assert _is_there(worker)
        launcher.send_signal(signal.SIGKILL)
        launcher.wait()
        # It is asleep for ten minutes: gone sooner, it has left.
        for _ in range(300):
            if not _is_there(worker):
                return
            time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    raise AssertionError("the worker works on")


def _with_us() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.getcwd()}


def _is_there(pid: int) -> bool:
    """Running, and no zombie that nobody has asked about."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
