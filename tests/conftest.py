"""What all tests share: where real data lies, the pose model, quiet logs."""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("GLOG_minloglevel", "2")

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> pathlib.Path:
    """Real clips and landmarks beside the checkout; tests that need them skip where there are none."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is not here")
    return folder


@pytest.fixture(scope="session")
def pose_model_path() -> str:
    """The default pose model, made from the package index where it is not cached."""
    from beam_jobs import pose_model

    return pose_model.locate()
