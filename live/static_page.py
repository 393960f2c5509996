"""The page as files that need no server: the browser runs the exported bundle by itself."""

import json
import os
import pathlib
import shutil

from beam_jobs import storage
from beam_jobs.errors import UsageError, UserError
from beam_jobs.taxonomy import shown_names
from live import vendor
from model import bundle as bundles
from model import exported_bundle

# The page's own files; what else is in its folder is for its developers.
_PAGE_FILES = ("*.js", "*.css", "*.svg", "recognizer/*.js")
_NOT_SERVED = "eslint.config.js"
_INDEX, _BY_SERVER, _BY_PAGE = "index.html", 'name="recognizer" content="server"', 'name="recognizer" content="page"'
# Beside the pose model: the exported file, and what of bundle.json the page needs.
_SETTINGS, _MODEL = "models/bundle.json", "models/exercises.tflite"


def write(bundle_path: str, bundle_name: str, pose_model_path: str, output: str, min_probability: float) -> None:
    """Writes the folder, whole or not at all.

    Args:
      bundle_path: a bundle with its exported file, local or gs://.
      bundle_name: for the page.
      pose_model_path: a local `.task` file that fits the bundle.
      output: the folder, local or gs://; an earlier one of this kind is replaced.
      min_probability: an answer that is less probable is none.

    Raises:
      UsageError: where `output` is a folder of something else.
      UserError: where the bundle has no exported file, or the page's libraries are neither here nor to be fetched.
    """
    if storage.exists(output) and not (storage.is_folder(output) and _is_replaceable(output)):
        raise UsageError(
            f"--static {output} is there already and is no such page; expected a new or an empty folder, or one that "
            "this command wrote. Nothing was changed."
        )
    exported = storage.join(bundle_path, bundles.EXPORTED)
    if not storage.exists(exported):
        raise UserError(
            f"{bundle_path} has no {bundles.EXPORTED}; export it once: python -m model export --bundle {bundle_path} "
            "--output EXPORTED, and then --bundle EXPORTED."
        )
    # Loaded, so that a damaged one is refused here and not in a browser.
    bundle = exported_bundle.load(bundle_path)
    libraries = vendor.locate()
    with storage.atomic_folder(output, marker=_INDEX) as folder, storage.local_copy(exported) as model:
        root = pathlib.Path(folder)
        _copy_page(root)
        shutil.copytree(libraries, root / "vendor")
        (root / "models").mkdir()
        shutil.copyfile(pose_model_path, root / "models" / "pose.task")
        shutil.copyfile(model, root / _MODEL)
        (root / _SETTINGS).write_text(json.dumps(settings(bundle, bundle_name, min_probability), indent=2) + "\n")


def settings(bundle: exported_bundle.ExportedBundle, name: str, min_probability: float) -> dict:
    """What the page must know of a bundle: page/recognizer/person_recognizer.js, BundleSettings."""
    return {
        "bundle": name,
        "labels": list(bundle.labels),
        "shown_names": shown_names(bundle.labels),
        "holds": list(bundle.holds),
        "frame_rate_hz": bundle.frame_rate_hz,
        "coordinates": bundle.fingerprint["coordinates"],
        "window": {
            "length": bundle.rule.length,
            "stride": bundle.rule.stride,
            "min_detected": bundle.rule.min_detected,
        },
        "min_probability": min_probability,
    }


def _is_replaceable(output: str) -> bool:
    """Whether a folder is empty, or one that `write` made."""
    if storage.exists(storage.join(output, _SETTINGS)):
        return True
    return not storage.is_remote(output) and not os.listdir(output.removeprefix("file://"))


def _copy_page(root: pathlib.Path) -> None:
    index = (vendor.PAGE / _INDEX).read_text(encoding="utf-8")
    assert index.count(_BY_SERVER) == 1
    (root / _INDEX).write_text(index.replace(_BY_SERVER, _BY_PAGE), encoding="utf-8")
    for pattern in _PAGE_FILES:
        for source in vendor.PAGE.glob(pattern):
            if source.name != _NOT_SERVED:
                target = root / "static" / source.relative_to(vendor.PAGE)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
