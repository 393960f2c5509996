"""The transform graph beside feature tables: where it is, and whether it is a bundle's own."""

from collections.abc import Mapping
from typing import Any

from beam_jobs import storage
from beam_jobs.errors import UserError
from beam_jobs.saved_model import sha256
from beam_jobs.transform_graph import FOLDER

__all__ = ["FOLDER", "check_tables", "find_beside_tables", "sha256"]


def find_beside_tables(tables_path: str) -> str:
    """The SavedModel folder of the transform graph beside feature tables.

    Raises:
      UserError: where there is none.
    """
    for parts in ((FOLDER, FOLDER), (FOLDER,)):
        folder = storage.join(tables_path, *parts)
        if storage.exists(storage.join(folder, "saved_model.pb")):
            return folder
    raise UserError(
        f"{storage.join(tables_path, FOLDER)} has no saved_model.pb; expected the graph that made the tables. "
        "Run `python -m beam_jobs features` again, with the tables as its --output."
    )


def check_tables(metadata: Mapping[str, Any], bundle_path: str, tables_path: str) -> None:
    """Checks that feature tables were made by the bundle's own transform graph: else its features mean another thing.

    Raises:
      UserError: with both hashes, and the command that mends it.
    """
    theirs, ours = sha256(find_beside_tables(tables_path)), metadata["transform_fn_sha256"]
    if theirs != ours:
        raise UserError(
            f"{tables_path} was made by another transform graph (sha256 {theirs[:12]}…) than the bundle's "
            f"({ours[:12]}…). Make the tables with the bundle's: python -m beam_jobs features --input LANDMARKS "
            f"--output TABLES --transform_fn {storage.join(bundle_path, FOLDER)}"
        )
