"""The messages for a user's mistake, a full disk, and a fault of the program."""

import errno
import os
import socket
import subprocess
import sys

import pytest
from commands import REPOSITORY

from beam_jobs.errors import UserError, error_in_text, report_user_errors


def raising(error):
    @report_user_errors
    def main(argv=None):
        raise error

    return main


def test_a_mistake_is_one_line_and_verbose_shows_where(capsys):
    assert raising(UserError("no such thing"))([]) == 1
    assert capsys.readouterr().err == "error: no such thing\n"
    assert raising(UserError("no such thing"))(["--verbose"]) == 1
    messages = capsys.readouterr().err
    assert "Traceback" in messages and messages.endswith("error: no such thing\n")


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, ("disk is full", "bundle")), (errno.EACCES, ("Permission denied", "bundle"))]
)
def test_what_the_system_refuses_is_one_line(capsys, number, words):
    assert raising(OSError(number, os.strerror(number), "bundle"))([]) == 1
    messages = capsys.readouterr().err
    assert all(word in messages for word in words)
    assert messages.count("\n") == 1 and "Traceback" not in messages


@pytest.mark.parametrize(
    "error", [OSError("a made-up one"), OSError(errno.EBADF, "Bad file descriptor"), KeyError("x")]
)
def test_a_fault_of_the_program_keeps_its_traceback(error):
    with pytest.raises(type(error)):
        raising(error)([])


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), TimeoutError("too slow")])
def test_a_network_that_is_gone_is_one_line(capsys, error):
    assert raising(error)([]) == 1
    assert str(error) in capsys.readouterr().err


def test_a_broken_socket_is_no_success(capsys):
    def main(argv=None):
        ours, theirs = socket.socketpair()
        theirs.close()
        ours.sendall(b"x" * 100)

    assert report_user_errors(main)([]) == 1
    assert "Broken pipe" in capsys.readouterr().err


def test_a_reader_that_has_read_enough_is_success():
    code = "from beam_jobs.errors import report_user_errors\n"
    code += "main = report_user_errors(lambda argv: print(*range(10**6), sep='\\n'))\nraise SystemExit(main([]))"
    with subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "Traceback (most recent call last):\n  File ...\nOSError: [Errno 28] No space left on device: '/d/x'\n\n"
            "During handling of the above exception\nTraceback\nOSError: [Errno 28] Error writing bytes. Detail: "
            "[errno 28] No space left on device [while running 'Extract/Poses-ptransform-7']\n",
            OSError,
            "Error writing bytes",
        ),
        (
            "Traceback\nPermissionError: [Errno 13] Permission denied: 'a' [while running 'x']",
            PermissionError,
            "denied",
        ),
        (
            "Traceback\nbeam_jobs.errors.UserError: a.csv is wrong. Mend it. [while running 'x']\n",
            UserError,
            "a.csv is wrong. Mend it.",
        ),
    ],
)
def test_an_error_that_beam_hands_on_as_text_is_reported_as_before(text, kind, message):
    error = error_in_text(text)
    assert isinstance(error, kind) and message in str(error)
    assert "while running" not in str(error)


def test_a_fault_of_the_program_in_a_worker_stays_beam_s_error():
    assert error_in_text("Traceback\nKeyError: 'x' [while running 'y']") is None
    assert error_in_text("Traceback\nOSError: [Errno 9] Bad file descriptor") is None
