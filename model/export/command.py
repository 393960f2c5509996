"""`python -m model export`: a bundle as LiteRT files, each compared with the bundle before anything is written."""

import dataclasses
import json
import os
import shutil
from typing import Any

from beam_jobs import storage
from beam_jobs.errors import UserError
from beam_jobs.native_logs import quiet_import
from model import bundle, litert, litert_graph
from model.export import card, check


def file_name(kind: str) -> str:
    """The file of a kind of weights; the one that live takes has the bundle's own name for it."""
    return bundle.EXPORTED if kind == "float32" else bundle.EXPORTED.replace(".", f"_{kind}.")


def export(bundle_path: str, output: str, tables_path: str | None = None, split: str = "test") -> dict[str, Any]:
    """Writes a bundle's LiteRT files, bundle.json, and a card that says how each compares with the bundle.

    Args:
      bundle_path: local or gs://.
      output: a folder, local or gs://; what was there is replaced (the command line refuses all but earlier exports).
      tables_path: feature tables with landmarks, to compare on; by default synthetic athletes of the bundle.
      split: of the tables: test, validation or all.

    Returns:
      By kind, what `check.Comparison` has.

    Raises:
      UserError: if the bundle cannot be exported, or the file without rounded weights answers otherwise.
    """
    metadata = bundle.read_metadata(bundle_path)
    with quiet_import():
        import tensorflow  # noqa: F401

    if tables_path is None:
        sample = check.sample_bundle(bundle_path, metadata)
    else:
        sample = check.sample_tables(tables_path, split, metadata)
    expected = check.bundle_probabilities(bundle_path, sample)
    compared: dict[str, check.Comparison] = {}
    with storage.atomic_folder(output, marker=bundle.METADATA_FILE) as folder:
        with storage.local_folder_copy(bundle_path) as source:
            contents = litert_graph.from_bundle(source, metadata, tuple(litert_graph.KINDS))
            shutil.copyfile(os.path.join(source, bundle.METADATA_FILE), os.path.join(folder, bundle.METADATA_FILE))
        for kind, content in contents.items():
            path = os.path.join(folder, file_name(kind))
            with open(path, "wb") as file:
                file.write(content)
            compared[kind] = check.compare(path, sample, expected)
        difference = compared["float32"].max_difference
        # Not `>`, which is false of NaN.
        if not difference <= check.MAX_DIFFERENCE:
            raise UserError(
                f"the exported file's probabilities differ from the bundle's by {difference:.2g}; expected at most "
                f"{check.MAX_DIFFERENCE:g}. Nothing was written. This is a fault of the program or of the bundle; use "
                "the bundle's SavedModel."
            )
        num_rows = litert.ExportedModel(os.path.join(folder, file_name("float32"))).num_rows
        with open(os.path.join(folder, "CARD.md"), "w", encoding="utf-8") as text:
            text.write(card.text(metadata, num_rows, sample, compared, {kind: file_name(kind) for kind in compared}))
        with open(os.path.join(folder, bundle.EXPORT_REPORT), "w", encoding="utf-8") as file:
            json.dump({kind: dataclasses.asdict(one) for kind, one in compared.items()}, file, indent=2)
            file.write("\n")
    return {kind: dataclasses.asdict(one) for kind, one in compared.items()}


def lines(compared: dict[str, Any]) -> list[str]:
    """What the command prints."""
    return [
        f"{file_name(kind)}: {one['num_bytes'] / 1000:.0f} kB, {one['median_ms']:.2f} ms a window, largest difference "
        f"{one['max_difference']:.1g}, {one['num_other_answers']} other answers"
        for kind, one in compared.items()
    ]
