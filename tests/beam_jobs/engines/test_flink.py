"""The jobs on Apache Flink: a JobManager and two TaskManagers on loopback, external workers.

The cluster needs `make flink`. The jobs need Beam's job server for Flink 2.2 besides, a jar on Maven Central
(org.apache.beam:beam-runners-flink-2.2-job-server): FLINK_JOB_SERVER_JAR=FILE make test-flink
"""

import os
import pathlib
import signal
import time

import pytest
from commands import run_command
from flink_cluster import flink, flink_cluster, job_server_jar
from same_rows import assert_same_rows

from beam_jobs import tables

pytestmark = pytest.mark.slow


def resident_mb(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) // 1024


def test_a_cluster_starts_notices_a_killed_task_manager_and_stops_whole(tmp_path):
    begun_s = time.monotonic()
    with flink_cluster(tmp_path) as cluster:
        print(f"started in {time.monotonic() - begun_s:.1f} s")
        assert cluster.get("overview")["slots-total"] == 4
        print("resident MB of the TaskManagers:", [resident_mb(process) for process in cluster.task_managers])
        os.kill(cluster.task_managers[0].pid, signal.SIGKILL)
        killed_s = time.monotonic()
        cluster.wait_for_task_managers(1)
        print(f"noticed in {time.monotonic() - killed_s:.1f} s")
        processes = list(cluster.task_managers)
    assert all(process.poll() is not None for process in processes)
    with pytest.raises(OSError):
        cluster.get("overview")


@pytest.fixture(scope="session")
def jar():
    """Asked for before what takes long."""
    return job_server_jar()


def test_extract_and_features_on_flink(jar, athlete_videos, athlete_tables, tmp_path):
    folder = tmp_path / "tables"
    labels = athlete_videos / "labels.csv"
    with flink(tmp_path) as (_, engine):
        shared = ("--shared_disk", *engine.beam_args)
        extract = ("extract", "--videos", athlete_videos, "--labels", labels, "--output", folder)
        assert run_command("beam_jobs", *extract, *shared).returncode == 0
        assert run_command("beam_jobs", "features", "--input", folder, "--output", folder, *shared).returncode == 0
    for table in (tables.LANDMARKS, tables.QUALITY, tables.FINAL_FEATURES):
        assert_same_rows(folder, athlete_tables, table)
