"""Writes the table of all configuration keys into model/README.md, from the docstrings of model/config.py."""

import dataclasses
import inspect
import pathlib
import re

from model import config

PAGE = pathlib.Path(__file__).resolve().parents[2] / "model" / "README.md"
BEGIN, END = "<!-- config keys -->\n", "<!-- end of config keys -->\n"


def descriptions(kind: type) -> dict[str, str]:
    """What a dataclass's docstring says of each of its fields."""
    attributes = inspect.getdoc(kind).split("Attributes:\n")[1]
    entries = re.findall(r"^  (\w+): (.*(?:\n    .*)*)", attributes, re.M)
    return {name: " ".join(text.split()).rstrip(".") for name, text in entries}


def rows(settings: object, prefix: str = "") -> list[tuple[str, str, str]]:
    """The name, the default and the description of each key, sections after the keys of their own."""
    known = descriptions(type(settings))
    fields = [(field.name, getattr(settings, field.name)) for field in dataclasses.fields(settings)]
    plain = [(name, value) for name, value in fields if not dataclasses.is_dataclass(value)]
    found = [(f"{prefix}{name}", shown(value), known[name]) for name, value in plain]
    for name, value in fields:
        if dataclasses.is_dataclass(value):
            found += rows(value, f"{prefix}{name}.")
    return found


def shown(value: object) -> str:
    """A default as JSON has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str([*value])
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


def table() -> str:
    """The table in Markdown."""
    lines = ["| key | default | what it is |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | `{default}` | {text} |" for name, default, text in rows(config.Config())]
    return "\n".join(lines) + "\n"


def with_table(page: str) -> str:
    """The page with the table between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
