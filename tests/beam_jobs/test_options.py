"""The command line: what is refused, and with which message. No pipeline is built here."""

import socket
import sys

import pytest
from commands import run_command

from beam_jobs import beam_options, options
from beam_jobs.__main__ import main
from beam_jobs.errors import UsageError


def test_our_flags_and_beams_are_separated(tmp_path):
    args, beam_args = options.parse(
        [
            "extract",
            "--videos",
            str(tmp_path),
            "--output",
            "out",
            "--project=p",
            "--region",
            "europe-west4",
            "--streaming",
        ]
    )
    assert (args.command, args.frame_rate_hz, args.max_failed_share) == ("extract", 15.0, 0.05)
    assert beam_args == ["--project=p", "--region", "europe-west4", "--streaming"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--max_failed_shares", "0.1"], "unknown flag --max_failed_shares"),
        (["--runer=FnApiRunner"], "unknown flag --runer=FnApiRunner"),
        (["extra"], "unknown argument extra"),
        (["--pose_model", "nowhere.task"], "--pose_model nowhere.task"),
        (["--labels", "nowhere.csv"], "--labels nowhere.csv"),
    ],
)
def test_what_nobody_knows_or_is_not_there_is_refused(tmp_path, flags, message):
    with pytest.raises(UsageError, match=message):
        options.parse(["extract", "--videos", str(tmp_path), "--output", "out", *flags])


@pytest.mark.parametrize(
    "flags",
    [["--frame_rate_hz", "0"], ["--frame_rate_hz", "nan"], ["--max_failed_share", "1.5"], ["--decode_timeout_s", "x"]],
)
def test_values_out_of_range_are_usage_errors(tmp_path, flags, capsys):
    with pytest.raises(SystemExit) as raised:
        options.parse(["extract", "--videos", str(tmp_path), "--output", "out", *flags])
    assert raised.value.code == 2
    assert flags[0] in capsys.readouterr().err


def test_local_runs_use_every_core_in_processes():
    args = beam_options.with_local_defaults([])
    assert args[:2] == ["--runner=FnApiRunner", "--direct_running_mode=multi_processing"]
    assert beam_options.with_local_defaults(["--runner=DataflowRunner"]) == ["--runner=DataflowRunner"]
    assert "--direct_running_mode=in_memory" in beam_options.with_local_defaults(["--direct_running_mode=in_memory"])
    assert "--direct_running_mode=multi_processing" not in beam_options.with_local_defaults(
        ["--direct_running_mode=in_memory"]
    )


@pytest.mark.parametrize("command", ["athletes", "extract", "import", "features"])
def test_help_has_an_example_and_needs_no_framework(command, capsys, monkeypatch):
    for framework in ("apache_beam", "tensorflow", "tensorflow_transform", "mediapipe", "cv2"):
        monkeypatch.setitem(sys.modules, framework, None)  # importing it would fail
    with pytest.raises(SystemExit) as raised:
        options.parse([command, "--help"])
    assert raised.value.code == 0
    assert f"Example: python -m beam_jobs {command}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("beam_args", "local"),
    [
        ([], True),
        (["--runner=FnApiRunner"], True),
        (["--runner", "FnApiRunner"], True),
        (["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"], True),
        (["--runner", "DataflowRunner"], False),
        (["--runner=PortableRunner"], False),
    ],
)
def test_what_counts_as_local(beam_args, local):
    assert beam_options.is_local(beam_args) == local


@pytest.mark.parametrize("name", ["DataflowRunner", "FlinkRunner", "PortableRunner"])
def test_a_runner_elsewhere_needs_paths_that_its_workers_see(name):
    paths = {"videos": "gs://bucket/videos", "labels": None, "output": "tables"}
    beam_options.check_shared(["--runner=FnApiRunner"], paths)
    with pytest.raises(UsageError, match=f"--output tables .*{name}.*--shared_disk"):
        beam_options.check_shared([f"--runner={name}"], paths)
    beam_options.check_shared([f"--runner={name}"], paths, shared_disk=True)


def test_an_engine_that_is_not_there_is_said_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"--job_endpoint=127.0.0.1:{server.getsockname()[1]}"
        beam_options.check_job_endpoint([endpoint])
    with pytest.raises(UsageError, match="--job_endpoint"):
        beam_options.check_job_endpoint([endpoint])
    beam_options.check_job_endpoint([])


@pytest.mark.parametrize(
    ("beam_args", "here"),
    [
        (["--runner=PortableRunner", "--environment_type=LOOPBACK"], True),
        (["--runner=PrismRunner"], True),
        (["--runner=PrismRunner", "--environment_type", "DOCKER"], False),
        # The worker's own host, wherever that is.
        (["--runner=FlinkRunner", "--environment_type=EXTERNAL", "--environment_config=localhost:50000"], False),
    ],
)
def test_workers_in_this_process_see_its_disk(beam_args, here):
    if here:
        beam_options.check_shared(beam_args, {"output": "tables"})
    else:
        with pytest.raises(UsageError, match="--output tables"):
            beam_options.check_shared(beam_args, {"output": "tables"})


@pytest.mark.parametrize(
    ("command", "flag", "hint"),
    [
        ("import", "--frame_rate_hz=25", "--source_rate_hz now"),
        ("import", "--proportions", "--keep_proportions"),
        ("features", "--other_landmarks", "--allow_other_pose_model now"),
        ("features", "--tranform_fn=x", "Did you mean --transform_fn"),
        ("extract", "--max_failed_shares", "Did you mean --max_failed_share"),
        ("athletes", "--clips", "Did you mean --num_clips"),
        ("athletes", "--runner=FnApiRunner", "athletes --help"),
        ("extract", "--no_such_thing", "extract --help"),
    ],
)
def test_a_former_or_misspelt_flag_is_answered_by_the_right_one(tmp_path, command, flag, hint):
    (tmp_path / "file").touch()
    inputs = {"extract": ["--videos"], "import": ["--landmarks", "--labels"], "features": ["--input"], "athletes": []}
    there = {"--input": tmp_path, "--videos": tmp_path}
    given = [text for name in inputs[command] for text in (name, str(there.get(name, tmp_path / "file")))]
    with pytest.raises(UsageError, match=hint):
        options.parse([command, *given, "--output", str(tmp_path / "out"), flag])


def test_an_output_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        options.parse(["athletes", "--output", str(tmp_path / "file" / "x")])


@pytest.mark.slow
def test_exit_codes_without_a_traceback(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for args, code, message in [
        (("extract", "--videos", tmp_path / "nowhere", "--output", tmp_path / "out"), 2, "does not exist"),
        (("extract", "--videos", tmp_path / "empty", "--output", tmp_path / "out"), 2, "no file"),
        (("features", "--input", tmp_path / "empty", "--output", tmp_path / "out"), 1, "expected the table 'quality'"),
        (("fetch",), 2, "invalid choice"),
        (("athletes", "--output", tmp_path / "out", "--seed", "-1"), 2, "--seed"),
        ((), 2, "required"),
        (
            ("extract", "--videos", tmp_path, "--labels", tmp_path / "empty", "--output", tmp_path / "out"),
            2,
            "is a folder",
        ),
        (("extract", "--videos", "a.mp4", "b.mp4", "--output", tmp_path / "out"), 2, "in quotes"),
    ]:
        try:
            returned = main(list(map(str, args)))
        except SystemExit as exit_of_argparse:
            returned = exit_of_argparse.code
        messages = capsys.readouterr().err
        assert (returned, message in messages, "Traceback" in messages) == (code, True, False), (args, messages)
    assert not (tmp_path / "out").exists()


def test_a_mistake_as_a_user_meets_it(tmp_path):
    done = run_command("beam_jobs", "extract", "--videos", tmp_path / "nowhere", "--output", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --videos") and done.stderr.count("\n") == 1
