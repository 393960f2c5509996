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
    """Starts a process of a pool: it finishes its work on Ctrl-C, and ends when the launcher is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent()


def start_opencv_worker() -> None:
    """As `start_worker`, with OpenCV on one core: as many processes as there are cores share them."""
    import cv2  # here: other processes of this project do without OpenCV

    cv2.setNumThreads(1)
    start_worker()
