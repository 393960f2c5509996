"""A local stand-in for Dataflow's REST API, which really runs what was submitted: for the real client.

A job is kept as it was posted. `run_staged_job.py` runs it in a process of its own, from what was staged (or,
in place of an image, from this repository); the job is RUNNING until that process ends.
"""

import contextlib
import dataclasses
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator

from commands import REPOSITORY

RUN_STAGED_JOB = pathlib.Path(__file__).with_name("run_staged_job.py")
_TIME = "2026-01-01T00:00:00Z"


@dataclasses.dataclass
class Job:
    """A job as it was posted, and the process that runs it; `asked` counts how often its state was asked for."""

    posted: dict
    process: subprocess.Popen | None
    state: str | None = None
    asked: int = 0

    @property
    def options(self) -> dict:
        return self.posted["environment"]["sdkPipelineOptions"]["options"]

    @property
    def worker_pool(self) -> dict:
        (pool,) = self.posted["environment"]["workerPools"]
        return pool

    def current_state(self) -> str:
        if self.state is not None:
            return self.state
        ended = self.process.poll() if self.process is not None else None
        if ended is not None:
            return "JOB_STATE_FAILED" if ended else "JOB_STATE_DONE"
        return "JOB_STATE_PENDING" if self.asked < 2 else "JOB_STATE_RUNNING"


class DataflowService:
    """Jobs by their ids.

    Attributes:
      runs_jobs: whether jobs are run; else they stay pending.
      worker_pool: host:port of the workers that run them; by default a process for each job.
      refuses: the status and message of an error that new jobs are answered with.
      requests: method and path of each.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.runs_jobs = True
        self.worker_pool: str | None = None
        self.refuses: tuple[int, str] | None = None
        self.jobs: dict[str, Job] = {}
        self.requests: list[tuple[str, str]] = []

    @property
    def last_job(self) -> Job:
        return list(self.jobs.values())[-1]

    def create(self, posted: dict) -> dict:
        job_id = f"2026-01-01_00_00_00-{len(self.jobs) + 1}"
        job = Job(posted, None)
        self.jobs[job_id] = job
        if self.runs_jobs:
            command = [sys.executable, str(RUN_STAGED_JOB), job.options["pipelineUrl"], json.dumps({})]
            command += [self.worker_pool] if self.worker_pool else []
            environment = dict(os.environ)
            if "sdk_container_image" in job.options:
                environment["PYTHONPATH"] = str(REPOSITORY)
            with open(self.folder / f"{job_id}.out", "w") as out, open(self.folder / f"{job_id}.err", "w") as errors:
                job.process = subprocess.Popen(command, stdout=out, stderr=errors, env=environment)
        return self.described(job_id)

    def described(self, job_id: str) -> dict:
        job = self.jobs[job_id]
        job.asked += 1
        return {
            "id": job_id,
            "name": job.posted["name"],
            "currentState": job.current_state(),
            "clientRequestId": job.posted.get("clientRequestId", ""),
        }

    def messages(self, job_id: str) -> dict:
        if self.jobs[job_id].current_state() != "JOB_STATE_FAILED":
            return {}
        text = (self.folder / f"{job_id}.err").read_text()
        return {
            "jobMessages": [{"id": "1", "time": _TIME, "messageText": text, "messageImportance": "JOB_MESSAGE_ERROR"}]
        }

    def metrics(self, job_id: str) -> dict:
        out = self.folder / f"{job_id}.out"
        counters = json.loads(out.read_text() or "[]") if out.exists() else []
        return {
            "metrics": [
                {
                    "name": {"origin": "user", "name": name, "context": {"step": step, "namespace": namespace} | extra},
                    "scalar": value,
                }
                for step, namespace, name, value in counters
                for extra in ({}, {"tentative": "true"})
            ]
        }


def _handler(service: DataflowService) -> type:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def _body(self) -> str:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()

        def _answer(self, content: dict, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _handle(self) -> None:
            path, body = self.path.partition("?")[0], self._body()
            service.requests.append((self.command, path))
            match = re.fullmatch(r"/v1b3/projects/([^/]+)/locations/([^/]+)/jobs(?:/([^/:]+)(?:/(\w+))?)?", path)
            if path == "/token":
                self._answer({"access_token": "token", "expires_in": 3600, "token_type": "Bearer"})
            elif match is None or (match[3] and match[3] not in service.jobs):
                self._answer({"error": {"code": 404, "message": path, "status": "NOT_FOUND"}}, 404)
            elif self.command == "POST" and service.refuses is not None:
                status, message = service.refuses
                self._answer({"error": {"code": status, "message": message, "status": "PERMISSION_DENIED"}}, status)
            elif self.command == "POST":
                self._answer(service.create(json.loads(body)))
            elif self.command == "PUT":
                service.jobs[match[3]].state = json.loads(body)["requestedState"]
                self._answer(service.described(match[3]))
            else:
                self._answer(
                    {"messages": service.messages, "metrics": service.metrics, None: service.described}[match[4]](
                        match[3]
                    )
                )

        do_GET = do_POST = do_PUT = _handle  # noqa: N815 - names that http.server calls

    return Handler


@contextlib.contextmanager
def dataflow_service(folder: pathlib.Path) -> Iterator[tuple[str, DataflowService]]:
    """Runs the service on loopback; yields its address, by the name that makes Beam's client speak REST, and itself."""
    service = DataflowService(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(service))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}", service
    finally:
        server.shutdown()
        server.server_close()
        for job in service.jobs.values():
            if job.process is not None and job.process.poll() is None:
                job.process.kill()
                job.process.wait()
