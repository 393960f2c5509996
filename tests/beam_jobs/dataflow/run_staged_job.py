"""Runs a job as Dataflow would: the pipeline that its client has staged, on workers that are told only its own options.

    python run_staged_job.py PIPELINE OPTIONS [WORKER_POOL]

PIPELINE is the staged file, OPTIONS the job's options as JSON, WORKER_POOL the host:port of external workers (by
default the job runs in this process, which imports the staged source distribution, if there is one). Prints the job's
counters as JSON.
"""

import json
import os
import sys
import tarfile
import tempfile

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.transforms import environments


def staged_pipeline(path: str) -> beam_runner_api_pb2.Pipeline:
    with FileSystems.open(path) as file:
        return beam_runner_api_pb2.Pipeline.FromString(file.read())


def staged_files(pipeline: beam_runner_api_pb2.Pipeline) -> dict[str, str]:
    """What workers are to install: the addresses of staged files by the names that they have on a worker."""
    found = {}
    for environment in pipeline.components.environments.values():
        for one in environment.dependencies:
            name = beam_runner_api_pb2.ArtifactStagingToRolePayload.FromString(one.role_payload).staged_name
            found[name] = beam_runner_api_pb2.ArtifactUrlPayload.FromString(one.type_payload).url
    return found


def import_from_source_distribution(path: str) -> None:
    folder = tempfile.mkdtemp()
    with (
        FileSystems.open(path, compression_type="uncompressed") as file,
        tarfile.open(fileobj=file, mode="r:gz") as archive,
    ):
        archive.extractall(folder, filter="data")
    sys.path[:0] = [os.path.join(folder, name) for name in os.listdir(folder)]


def with_environment(pipeline: beam_runner_api_pb2.Pipeline, environment: environments.Environment) -> None:
    """Replaces the images of a job's environments; their requirements stay."""
    made = environment.to_runner_api(None)
    for one in pipeline.components.environments.values():
        one.urn, one.payload = made.urn, made.payload
        del one.dependencies[:]


def main(path: str, options: str, worker_pool: str | None = None) -> None:
    FileSystems.set_options(PipelineOptions([]))
    pipeline = staged_pipeline(path)
    source = staged_files(pipeline).get("workflow.tar.gz")
    if source is not None and worker_pool is None:
        import_from_source_distribution(source)
    environment = (
        environments.ExternalEnvironment(worker_pool) if worker_pool else environments.EmbeddedPythonEnvironment()
    )
    with_environment(pipeline, environment)
    result = fn_runner.FnApiRunner().run_via_runner_api(pipeline, PipelineOptions([], **json.loads(options)))
    counters = result.metrics().query()["counters"]
    print(
        json.dumps([[one.key.step, one.key.metric.namespace, one.key.metric.name, one.committed] for one in counters])
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
