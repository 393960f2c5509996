"""What tests of Dataflow share: a stand-in for the service, and an account's key that it accepts."""

import json
import pathlib
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dataflow_service import DataflowService, dataflow_service
from google_apis import tensorflow_in_bucket

from beam_jobs import storage


def account_key(token_uri: str) -> dict:
    """The key file of a service account, whose tokens come from an address."""
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(*encoding).decode()
    account = {"client_email": "launcher@proj-test.iam.gserviceaccount.com", "client_id": "1", "private_key_id": "1"}
    return account | {
        "type": "service_account",
        "project_id": "proj-test",
        "private_key": private,
        "token_uri": token_uri,
    }


@pytest.fixture(scope="session")
def dataflow(gcs_bucket, tmp_path_factory) -> Iterator[tuple[DataflowService, list[str]]]:
    """A stand-in for the service, and the flags that submit to it."""
    folder = tmp_path_factory.mktemp("dataflow")
    with dataflow_service(folder) as (address, service), pytest.MonkeyPatch.context() as patch:
        key = folder / "key.json"
        key.write_text(json.dumps(account_key(f"{address}/token")))
        patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
        flags = ["--runner=DataflowRunner", "--project=proj-test", "--region=europe-west4"]
        yield service, [*flags, f"--temp_location={gcs_bucket}/tmp", f"--dataflow_endpoint={address}"]


@pytest.fixture
def tensorflow_finds_the_bucket(dataflow, tmp_path) -> Iterator[None]:
    """As of `tensorflow_in_bucket`."""
    with tensorflow_in_bucket(tmp_path):
        yield


@pytest.fixture(scope="session")
def videos_in_bucket(gcs_bucket, athlete_videos) -> str:
    """Two videos of drawn athletes and a file that is none, with labels.csv, in a bucket."""
    folder = f"{gcs_bucket}/dataflow/videos"
    labels = (athlete_videos / "labels.csv").read_text().splitlines()
    for line in labels[1:3]:
        copy(athlete_videos / line.split(",")[0], f"{folder}/{line.split(',')[0]}")
    storage.write_text(f"{folder}/broken.mp4", "no video")
    storage.write_text(f"{folder}/labels.csv", "\n".join([*labels[:3], "broken.mp4,squat,x,train"]))
    return folder


def copy(local: pathlib.Path, path: str) -> None:
    fs, name = storage.filesystem(path)
    fs.put_file(str(local), name)
