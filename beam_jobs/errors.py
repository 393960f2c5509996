"""A user's mistakes, told without a traceback: what was wrong, what was expected, what to do."""

import functools
import os
import sys
from collections.abc import Callable

INTERRUPTED = "interrupted; nothing half-written was left."


class UserError(Exception):
    """Something that the user can mend. The message says what was wrong, what was expected and what to do."""

    exit_code = 1


class UsageError(UserError):
    """The command line itself is wrong: a flag, or a path that is not there."""

    exit_code = 2


def report_user_errors(main: Callable[..., int | None]) -> Callable[..., int]:
    """Turns `main` into one that returns exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""

    @functools.wraps(main)
    def wrapped(*args, **kwargs) -> int:
        try:
            return main(*args, **kwargs) or 0
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            print(INTERRUPTED, file=sys.stderr)
            return 130
        except BrokenPipeError:
            # The reader of our output went away (`| head`): not an error of ours; keep Python from saying so at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except OSError as error:
            # A full disk, a folder without permission, a network that is gone: it says what and where by itself.
            print(f"error: {error}", file=sys.stderr)
            return UserError.exit_code

    return wrapped
