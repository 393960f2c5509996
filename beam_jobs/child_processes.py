"""Processes that a command starts to work beside it."""

import multiprocessing
import os
import signal
import threading


def exit_with_parent() -> None:
    """Ends this process when the process that started it is gone (killed, for instance)."""
    launcher = multiprocessing.parent_process()
    if launcher is None:
        return

    def leave() -> None:
        launcher.join()
        os._exit(1)

    threading.Thread(target=leave, daemon=True).start()


def start_worker() -> None:
    """Sets a worker up: one core, Ctrl-C finishes the current clip, and it ends when its launcher is killed."""
    import cv2  # Here and not above: a command that starts no process needs no OpenCV.

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent()
