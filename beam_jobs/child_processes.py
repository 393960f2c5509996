"""Processes that a command starts to work beside it."""

import multiprocessing
import os
import signal
import threading


def exit_with_parent() -> None:
    """Ends this process when the one that started it is gone, killed perhaps: nobody is left behind at work."""
    launcher = multiprocessing.parent_process()
    if launcher is None:
        return

    def leave() -> None:
        launcher.join()
        os._exit(1)

    threading.Thread(target=leave, daemon=True).start()


def start_worker() -> None:
    """One core a process; a clip begun is finished on Ctrl-C; nobody is left behind when the launcher is killed."""
    import cv2  # here: whoever starts no process needs no OpenCV

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent()
