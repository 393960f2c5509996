"""Jobs submitted by Beam's real Dataflow client to a local stand-in for the service, which runs what was staged."""

import io
import os
import re
import subprocess
import sys
import tarfile

import pytest
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.portability.common_urns import resource_hints
from commands import run_command
from google.cloud import dataflow as dataflow_api
from run_staged_job import staged_files, staged_pipeline

from beam_jobs import beam_options, dataflow_options, storage, tables
from beam_jobs.__main__ import main
from beam_jobs.errors import UsageError

IMAGE = "--sdk_container_image=europe-west4-docker.pkg.dev/proj-test/images/exercise-recognition:1"


def submitted(service) -> beam_runner_api_pb2.Pipeline:
    return staged_pipeline(service.last_job.options["pipelineUrl"])


def steps(pipeline: beam_runner_api_pb2.Pipeline) -> set[str]:
    return {transform.unique_name for transform in pipeline.components.transforms.values()}


def hints(pipeline: beam_runner_api_pb2.Pipeline, step: str) -> dict[str, bytes]:
    """The hints of a step's workers."""
    (found,) = (one for one in pipeline.components.transforms.values() if one.unique_name == step)
    return dict(pipeline.components.environments[found.environment_id].resource_hints)


def source_distribution(service) -> tarfile.TarFile:
    with storage.open_input(staged_files(submitted(service))["workflow.tar.gz"]) as file:
        return tarfile.open(fileobj=io.BytesIO(file.read()))


def file_in(archive: tarfile.TarFile, name: str) -> str:
    (found,) = (member for member in archive.getmembers() if member.name.split("/", 1)[-1] == name)
    return archive.extractfile(found).read().decode()


@pytest.fixture(scope="module")
def extracted_on_dataflow(dataflow, videos_in_bucket, gcs_bucket, pose_model_path) -> str:
    """Tables of `videos_in_bucket`: by --setup_file, waited for."""
    _, flags = dataflow
    output = f"{gcs_bucket}/dataflow/tables"
    args = ("--videos", videos_in_bucket, "--labels", f"{videos_in_bucket}/labels.csv", "--output", output)
    share = ("--max_failed_share", "0.5")
    done = run_command("beam_jobs", "extract", *args, *share, *flags, "--setup_file=setup.py")
    assert done.returncode == 0
    assert "2 videos done, 0 skipped (done before), 1 failed" in done.stdout
    return output


def test_extract_by_setup_file_runs_from_what_was_staged(dataflow, extracted_on_dataflow):
    service, _ = dataflow
    rows = storage.read_table(extracted_on_dataflow, tables.LANDMARKS)
    assert rows.num_rows > 100 and sum(rows["detected"].to_pylist()) > 0.9 * rows.num_rows
    letters = storage.read_table(extracted_on_dataflow, tables.DEAD_LETTERS).to_pylist()
    assert [(row["video_id"], row["reason"]) for row in letters] == [("broken.mp4", "not_a_video")]

    archive = source_distribution(service)
    assert file_in(archive, "worker_extras.txt") == "jobs,pose"
    names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {"beam_jobs/extract/pipeline.py", "live/default_bundle/bundle.json", "pyproject.toml"} <= names
    assert any(name.startswith(f"{extracted_on_dataflow}/.pose_model-") for name in hidden(extracted_on_dataflow))


def test_a_worker_installs_the_system_s_libraries_that_it_lacks(dataflow, extracted_on_dataflow, tmp_path):
    """With libGL hidden, and with it; apt-get is a script that notes what it is asked for."""
    libraries = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"libGL\.so\.1 .* (/\S+)$", libraries, re.MULTILINE)
    hiding = ["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null "$0" && exec "$@"']
    if found is None or subprocess.run([*hiding, os.path.realpath(found[1]), "true"], capture_output=True).returncode:
        pytest.skip("libGL is not here, or this user may not hide it")
    service, _ = dataflow
    source_distribution(service).extractall(tmp_path, filter="data")
    (tree,) = tmp_path.glob("exercise*")
    noted = tmp_path / "noted"
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "apt-get"
    script.write_text(f'#!/bin/sh\necho "$@" >> {noted}\n')
    script.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    build = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path / "built")]
    subprocess.run(build, cwd=tree, env=environment, check=True)
    assert not noted.exists()
    subprocess.run([*hiding, os.path.realpath(found[1]), *build], cwd=tree, env=environment, check=True)
    assert noted.read_text().splitlines() == ["update", "install --yes --no-install-recommends libgl1"]


def hidden(folder: str) -> list[str]:
    fs, name = storage.filesystem(folder)
    return [fs.unstrip_protocol(path) for path in fs.find(name)]


def test_a_job_asks_for_what_it_needs(dataflow, extracted_on_dataflow):
    service, _ = dataflow
    job, pipeline = service.last_job, submitted(service)
    assert {"MatchVideos/Match", "ExtractLandmarks/EstimatePoses", "ExtractLandmarks/WriteSummaries"} <= steps(pipeline)
    assert hints(pipeline, "ExtractLandmarks/EstimatePoses") == {resource_hints.MIN_RAM_BYTES.urn: b"2000000000"}
    # One set of hints for all steps: each further one would be a pool of workers of its own.
    assert len({str(one.resource_hints) for one in pipeline.components.environments.values()}) == 1
    assert job.posted["type"] == dataflow_api.JobType.JOB_TYPE_BATCH
    assert job.posted["labels"] == {"application": "exercise-recognition", "command": "extract"}
    assert job.worker_pool["numThreadsPerWorker"] == 1
    assert "use_multiple_sdk_containers" in job.options["experiments"]
    assert job.options["element_processing_timeout_minutes"] == 1440
    assert job.worker_pool["workerHarnessContainerImage"].endswith("beam_python3.11_sdk:2.77.0")


def test_features_by_image(dataflow, extracted_on_dataflow, tensorflow_finds_the_bucket):
    service, flags = dataflow
    args = ("--input", extracted_on_dataflow, "--output", extracted_on_dataflow)
    done = run_command("beam_jobs", "features", *args, *flags, IMAGE)
    assert done.returncode == 0
    assert "2 videos" in done.stdout
    made = storage.read_table(extracted_on_dataflow, tables.FINAL_FEATURES)
    assert made.num_rows == storage.read_table(extracted_on_dataflow, tables.LANDMARKS).num_rows
    job, pipeline = service.last_job, submitted(service)
    assert job.worker_pool["workerHarnessContainerImage"] == IMAGE.partition("=")[2]
    assert job.posted["labels"]["command"] == "features"
    assert "workflow.tar.gz" not in staged_files(pipeline)
    assert {"FitTransformFn/Analyze", "DeriveFeatures/WriteShards", "DeriveFeatures/Publish"} <= {
        "/".join(step.split("/")[:2]) for step in steps(pipeline)
    }


@pytest.fixture
def not_run(dataflow):
    service, flags = dataflow
    service.runs_jobs = False
    yield service, [*flags, "--no_wait_until_finish"]
    service.runs_jobs = True


def test_a_launcher_that_does_not_wait_submits_and_ends(
    not_run, extracted_on_dataflow, tensorflow_finds_the_bucket, capsys
):
    service, flags = not_run
    before = len(service.requests)
    args = ["features", "--input", extracted_on_dataflow, "--output", f"{extracted_on_dataflow}_2"]
    assert main([*args, *flags, "--setup_file=./setup.py"]) == 0
    assert list(service.jobs)[-1] in capsys.readouterr().out
    assert [method for method, path in service.requests[before:] if path != "/token"] == ["POST"]
    assert file_in(source_distribution(service), "worker_extras.txt") == "transform"
    assert "features" not in storage.list_files(f"{extracted_on_dataflow}_2")


def test_dataflow_s_own_options_reach_the_job(not_run, videos_in_bucket, gcs_bucket, pose_model_path):
    service, flags = not_run
    key = "projects/proj-test/locations/europe-west4/keyRings/ring/cryptoKeys/key"
    given = {
        "service_account_email": "workers@proj-test.iam.gserviceaccount.com",
        "subnetwork": "regions/europe-west4/subnetworks/private",
        "dataflow_kms_key": key,
        "max_num_workers": "20",
        "autoscaling_algorithm": "THROUGHPUT_BASED",
        "machine_type": "e2-standard-4",
        "label": "team=video",
        "number_of_worker_harness_threads": "2",
        "element_processing_timeout_minutes": "90",
        "dataflow_service_options": "enable_prime",
        "job_name": "extract-nightly",
    }
    args = ["extract", "--videos", videos_in_bucket, "--output", f"{gcs_bucket}/dataflow/options"]
    options = [f"--{name}={value}" for name, value in given.items()]
    assert main([*args, *flags, IMAGE, "--no_use_public_ips", *options]) == 0
    job, pool = service.last_job, service.last_job.worker_pool
    assert job.posted["name"] == given["job_name"]
    assert job.posted["environment"]["serviceAccountEmail"] == given["service_account_email"]
    assert job.posted["environment"]["serviceKmsKeyName"] == key
    assert job.posted["environment"]["serviceOptions"] == ["enable_prime"]
    assert job.posted["labels"] == {
        "application": "exercise-recognition",
        "command": "extract",
        "team": "video",
    }
    assert pool["ipConfiguration"] == dataflow_api.WorkerIPAddressConfiguration.WORKER_IP_PRIVATE
    assert pool["subnetwork"] == given["subnetwork"]
    assert pool["machineType"] == given["machine_type"]
    assert pool["autoscalingSettings"] == {
        "algorithm": dataflow_api.AutoscalingAlgorithm.AUTOSCALING_ALGORITHM_BASIC,
        "maxNumWorkers": 20,
    }
    assert pool["numThreadsPerWorker"] == 2
    assert job.options["element_processing_timeout_minutes"] == 90
    # A machine type says how much memory there is.
    assert hints(submitted(service), "ExtractLandmarks/EstimatePoses") == {}


def test_a_job_that_nobody_waits_for_judges_its_dead_letters_itself(
    dataflow, videos_in_bucket, gcs_bucket, pose_model_path
):
    service, flags = dataflow
    output = f"{gcs_bucket}/dataflow/too_many"
    args = ["extract", "--videos", f"{videos_in_bucket}/broken.mp4", "--output", output, IMAGE]
    assert main([*args, *flags, "--no_wait_until_finish"]) == 0
    assert "ExtractLandmarks/CheckFailedShare" in steps(submitted(service))
    assert service.last_job.process.wait(timeout=300) != 0
    (message,) = service.messages(list(service.jobs)[-1])["jobMessages"]
    assert "1 of 1 videos failed" in message["messageText"] and "broken.mp4: not_a_video" in message["messageText"]
    assert storage.read_table(output, tables.DEAD_LETTERS).num_rows == 1


def test_a_service_that_refuses_is_told_in_a_line(dataflow, videos_in_bucket, gcs_bucket, pose_model_path, capsys):
    service, flags = dataflow
    service.refuses = (403, "launcher lacks dataflow.jobs.create")
    try:
        args = ["extract", "--videos", videos_in_bucket, "--output", f"{gcs_bucket}/dataflow/refused", IMAGE]
        assert main([*args, *flags]) == 1
    finally:
        service.refuses = None
    told = capsys.readouterr().err
    assert "error: " in told and "lacks dataflow.jobs.create" in told and "Traceback" not in told


ON_DATAFLOW = ["--runner=DataflowRunner", "--project=p", "--region=r", "--temp_location=gs://b/tmp"]


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (ON_DATAFLOW[:1], ("--project", "--region", "--temp_location")),
        (ON_DATAFLOW, ("--sdk_container_image", "--setup_file")),
        ([*ON_DATAFLOW[:3], "--temp_location=/tmp", IMAGE], ("--temp_location", "gs://")),
    ],
)
def test_what_dataflow_or_its_workers_would_lack_is_told_before(flags, names):
    with pytest.raises(UsageError) as raised:
        beam_options.with_defaults(flags, "extract")
    assert all(name in str(raised.value) for name in names)


def test_a_job_of_this_process_is_waited_for():
    assert beam_options.waits([])
    assert not beam_options.waits(["--runner=DataflowRunner", "--no_wait_until_finish"])
    with pytest.raises(UsageError, match="--no_wait_until_finish"):
        beam_options.waits(["--no_wait_until_finish"])


def test_a_bare_setup_file_is_found_where_the_launcher_is_started(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for flags in (["--setup_file=setup.py"], ["--setup_file", "setup.py"]):
        args = beam_options.with_defaults([*ON_DATAFLOW, *flags], "extract")
        assert dataflow_options.values(args, "setup_file") == [str(tmp_path / "setup.py")]


def test_stream_asks_for_a_streaming_job_and_stages_its_bundle(not_run, videos_in_bucket, gcs_bucket, pose_model_path):
    service, flags = not_run
    output = f"{gcs_bucket}/dataflow/stream"
    subscription = "projects/proj-test/subscriptions/new-videos"
    args = ["stream", "--videos", videos_in_bucket, "--subscription", subscription, "--bundle", "live/default_bundle"]
    assert main([*args, "--output", output, *flags, "--setup_file=./setup.py"]) == 0
    job, pipeline = service.last_job, submitted(service)
    assert job.posted["type"] == dataflow_api.JobType.JOB_TYPE_STREAMING
    assert job.posted["labels"]["command"] == "stream"
    assert {"enable_streaming_engine", "enable_windmill_service"} <= set(job.options["experiments"])
    assert any(step.startswith("ReadNotifications") for step in steps(pipeline))
    assert subscription.encode() in pipeline.SerializeToString()
    assert file_in(source_distribution(service), "worker_extras.txt") == "stream"
    staged = hidden(output)
    assert any("/.bundle-" in path and path.endswith("saved_model.pb") for path in staged)
    assert any("/.pose_model-" in path for path in staged)
