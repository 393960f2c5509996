"""Processes that a command starts to work beside it."""

import multiprocessing
import os
import threading


def leave_with_launcher() -> None:
    """Ends this process when the one that started it is gone, killed perhaps: nobody is left behind at work."""
    launcher = multiprocessing.parent_process()
    if launcher is None:
        return

    def leave() -> None:
        launcher.join()
        os._exit(1)

    threading.Thread(target=leave, daemon=True).start()
