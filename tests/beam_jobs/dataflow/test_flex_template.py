"""Flex Templates: their metadata against the commands' flags, and what their launcher runs."""

import json
import os
import re
import runpy
import subprocess
import sys

import pytest
from commands import REPOSITORY, run_command
from google.cloud.dataflow_v1beta3.types import ParameterType, TemplateMetadata
from run_staged_job import staged_pipeline
from test_dataflow import IMAGE, steps

from beam_jobs import options
from beam_jobs.flex_template import launch
from beam_jobs.flex_template.template_metadata import COMMANDS, template_metadata


@pytest.mark.parametrize("command", COMMANDS)
def test_dataflow_s_own_types_take_the_metadata(command):
    made = TemplateMetadata.from_json(json.dumps(template_metadata(command)), ignore_unknown_fields=False)
    assert made.name and made.description
    assert made.streaming == (command == "stream")
    for parameter in made.parameters:
        assert parameter.name and parameter.label and len(parameter.help_text) > 10, parameter.name
        assert parameter.param_type != ParameterType.DEFAULT, parameter.name


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_is_a_parameter(command):
    flags = {action.dest: action for action in options.command_parsers()[command]._actions}
    parameters = {parameter["name"]: parameter for parameter in template_metadata(command)["parameters"]}
    assert flags.keys() - parameters.keys() <= {"help", "verbose", "shared_disk", "dry_run"}
    for name in flags.keys() & parameters.keys():
        assert parameters[name]["isOptional"] != flags[name].required


@pytest.mark.parametrize("command", COMMANDS)
def test_a_parameter_s_regexes_take_its_default_and_agree_with_the_flag(command):
    """What Dataflow lets through, the command line takes."""
    actions = {action.dest: action for action in options.command_parsers()[command]._actions}
    tried = ("0", "1", "-1", "0.5", "1.5", "15", ".25", "", "x", "1e3")
    for parameter in template_metadata(command)["parameters"]:
        regexes = parameter.get("regexes", [])
        if "defaultValue" in parameter:
            assert all(re.fullmatch(regex, parameter["defaultValue"]) for regex in regexes), parameter["name"]
        action = actions.get(parameter["name"])
        for text in tried if parameter["paramType"] == "NUMBER" and action is not None else ():
            if all(re.fullmatch(regex, text) for regex in regexes) and float(text) > 0:
                action.type(text)


def test_kinds_of_parameters():
    kinds = {
        (command, parameter["name"]): (parameter["paramType"], parameter.get("regexes"))
        for command in COMMANDS
        for parameter in template_metadata(command)["parameters"]
    }
    assert kinds["extract", "output"] == ("GCS_WRITE_FOLDER", ["^gs://.+$"])
    assert kinds["extract", "videos"] == ("TEXT", ["^gs://.+$"])
    assert kinds["extract", "labels"] == ("GCS_READ_FILE", ["^gs://.+$"])
    assert kinds["features", "allow_other_pose_model"] == ("BOOLEAN", ["^(true|false)$"])
    assert kinds["stream", "subscription"][0] == "PUBSUB_SUBSCRIPTION"
    assert kinds["stream", "predictions_topic"][0] == "PUBSUB_TOPIC"
    assert kinds["stream", "source"][0] == "ENUM"


def test_the_metadata_is_printed():
    done = run_command("beam_jobs.flex_template.template_metadata", "features")
    assert done.returncode == 0
    assert json.loads(done.stdout) == template_metadata("features")


def test_parameters_become_flags():
    given = ["--input=gs://b/in", "--allow_other_pose_model=true", '--labels={"team": "video"}', "--job_name=x"]
    flags = ["--input=gs://b/in", "--allow_other_pose_model", '--label={"team": "video"}', "--job_name=x"]
    assert launch.command_line("features", given) == ["features", *flags, "--no_wait_until_finish"]
    assert launch.command_line("features", ["--allow_other_pose_model=false"]) == ["features", "--no_wait_until_finish"]
    labels = "--labels=gs://b/labels.csv"
    assert launch.command_line("extract", [labels]) == ["extract", labels, "--no_wait_until_finish"]


def test_the_dockerfile_starts_the_launch_file():
    text = (REPOSITORY / "Dockerfile").read_text()
    (path,) = re.findall(r"^ENV FLEX_TEMPLATE_PYTHON_PY_FILE=/opt/exercise-recognition/(\S+)$", text, re.MULTILINE)
    assert runpy.run_path(str(REPOSITORY / path))["COMMAND_VARIABLE"] == launch.COMMAND_VARIABLE
    assert f"ENV {launch.COMMAND_VARIABLE}=$COMMAND" in text


def test_a_template_is_launched_as_dataflow_launches_it(dataflow, videos_in_bucket, gcs_bucket, pose_model_path):
    """By the file's path, with --template_location: the job is written there and not posted; Dataflow starts it."""
    service, flags = dataflow
    before = len(service.requests)
    job_object = f"{gcs_bucket}/dataflow/launches/job_object"
    parameters = [
        f"--videos={videos_in_bucket}",
        f"--labels={videos_in_bucket}/labels.csv",
        f"--output={gcs_bucket}/dataflow/from_template",
        "--max_failed_share=0.5",
        '--labels={"goog-dataflow-provided-template-type": "flex"}',
        f"--template_location={job_object}",
        IMAGE,
    ]
    done = subprocess.run(
        [sys.executable, REPOSITORY / "beam_jobs/flex_template/launch.py", *parameters, *flags],
        env={**os.environ, "BEAM_JOBS_COMMAND": "extract", "PYTHONPATH": str(REPOSITORY)},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [path for _, path in service.requests[before:] if "/jobs" in path] == []
    job = json.loads(read(job_object))
    assert job["labels"]["goog-dataflow-provided-template-type"] == "flex"
    assert job["environment"]["workerPools"][0]["workerHarnessContainerImage"] == IMAGE.partition("=")[2]
    pipeline = staged_pipeline(job["environment"]["sdkPipelineOptions"]["options"]["pipelineUrl"])
    assert "ExtractLandmarks/CheckFailedShare" in steps(pipeline)


def read(path: str) -> bytes:
    from beam_jobs import storage

    with storage.open_input(path) as file:
        return file.read()
