"""What native libraries (TensorFlow, MediaPipe, TFLite) write to standard error, kept out of the terminal."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator

# A worker's threads import TensorFlow and MediaPipe one after the other: the latter is imported as if the former were
# not there.
IMPORT_LOCK = threading.Lock()


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Keeps from standard error what native libraries print while the block imports them; shows it where it fails.

    TensorFlow reports CPU features, and a missing GPU as an error, before its log level is in force.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" in sys.modules:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException:
            sys.stderr.flush()
            hidden.seek(0)
            os.write(kept, hidden.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


def silence_native_stderr() -> None:
    """Drops what native code writes to standard error, and keeps Python's own messages.

    MediaPipe and TFLite write a dozen lines for every video and have no switch for it. Call it once in a process; its
    children inherit it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
