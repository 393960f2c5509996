"""`python -m live serve` as a user meets it: its address, its end, its errors."""

import json
import os
import re
import signal
import socket
import urllib.request

import pytest
from commands import run_command, start_command
from session_clients import athletes, pack, timestamp_ms
from websockets.sync.client import connect

from live.server import command


@pytest.fixture
def task_file(pose_model_path):
    """The default bundle is of the default pose model."""
    return pose_model_path


def started(*flags):
    """A server that has said its address, and the address."""
    process = start_command("live", "serve", "--port", "0", *flags)
    line = process.stdout.readline()
    (url,) = re.findall(r"http://[^ ]*/", line)
    return process, url


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_comes(task_file, number):
    process, url = started("--pose_model", task_file)
    try:
        assert json.load(urllib.request.urlopen(f"{url}health")) == {"sessions": 0, "max_sessions": 50}
        model = urllib.request.urlopen(f"{url}models/pose.task").read()
        assert len(model) == os.path.getsize(task_file)
        with connect(f"{url.replace('http', 'ws')}session", origin=url.rstrip("/"), compression=None) as client:
            assert json.loads(client.recv(timeout=10))["hello"]["bundle"] == "default_bundle"
            for index, pose in enumerate(athletes("squat")[0]):
                client.send(pack(timestamp_ms(index), [pose]))
            answers = [json.loads(client.recv(timeout=10)) for _ in range(20)]
            assert answers[-1]["people"][0]["exercise"] == "squat"
            process.send_signal(number)
            output = process.communicate(timeout=20)[0]
    finally:
        process.kill()
    assert process.returncode == 0, output
    assert "Traceback" not in output and "the server ends" in output


def test_a_second_signal_is_no_fault_either(task_file):
    process, _ = started("--pose_model", task_file)
    try:
        for _ in range(3):
            process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=20)[0]
    finally:
        process.kill()
    assert process.returncode == 0 and "Traceback" not in output, output


def test_a_taken_port_is_said_in_a_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_command("live", "serve", "--port", port)
    assert done.returncode == 1 and done.stdout == ""
    assert port in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--port", "70000"], "65535"),
        (["--max_sessions", "0"], "max_sessions"),
        (["--allowed_origin", "coach.example"], "https://coach.example"),
        (["--allowed_origin", "https://coach.example/"], "slash"),
        (["--hots", "0.0.0.0"], "--host"),
        (["--host", "no-such-host.invalid"], "--host"),
        (["--bundle", "no_such_folder"], "--bundle"),
        (["--source", "0"], "unknown flag"),
    ],
)
def test_wrong_usage(flags, word, capsys):
    try:
        code = command.main(flags)
    except SystemExit as exit:
        code = exit.code
    assert code == 2
    assert word in capsys.readouterr().err


def test_another_pose_model_than_the_bundles_is_refused(tmp_path, task_file, capsys):
    import zipfile

    other = tmp_path / "other.task"
    with zipfile.ZipFile(task_file) as known, zipfile.ZipFile(other, "w") as archive:
        for name in known.namelist():
            archive.writestr(name, b"other")
    assert command.main(["--port", "0", "--pose_model", str(other)]) == 1
    assert "pose_model_sha256" in capsys.readouterr().err


def test_live_itself_knows_the_command_in_its_help():
    assert "live serve" in run_command("live", "--help").stdout
    assert "--max_sessions" in run_command("live", "serve", "--help").stdout


def test_where_this_machines_browsers_find_the_page():
    assert command.page_url("127.0.0.1", 80) == "http://127.0.0.1:80/"
    assert command.page_url("0.0.0.0", 80) == command.page_url("::", 80) == "http://localhost:80/"
    assert command.page_url("::1", 80) == "http://[::1]:80/"
    assert command.page_url("trainer.lan", 80) == "http://trainer.lan:80/"


def test_the_server_needs_neither_mediapipe_nor_a_camera():
    from commands import run_python

    imported = run_python("import sys, live.server.app, live.server.command; print(*sys.modules, sep='\\n')")
    assert "uvicorn" in imported
    heavy = {"mediapipe", "cv2", "av", "tensorflow", "apache_beam", "keras"}
    assert not heavy & set(imported)
