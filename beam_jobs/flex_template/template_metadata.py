"""The metadata of a Flex Template, made from a command's flags.

    python -m beam_jobs.flex_template.template_metadata extract > extract.json

Dataflow shows a template's parameters by it, and checks their values before anything is started. The form is that of
google.dataflow.v1beta3.TemplateMetadata.
"""

import argparse
import json
import sys
from typing import Any

from beam_jobs import options
from beam_jobs.errors import VERBOSE
from beam_jobs.flags import positive_float, positive_int, share, whole_number

COMMANDS = ("extract", "features", "stream")
# Without meaning in a template: the job's workers are elsewhere, and there is no terminal.
_LEFT_OUT = {"help", "dry_run", "shared_disk", VERBOSE.removeprefix("--")}
# What a parameter names; the value of others stands in their help.
_KINDS = {
    "bundle": "GCS_READ_FOLDER",
    "input": "GCS_READ_FOLDER",
    "labels": "GCS_READ_FILE",
    "output": "GCS_WRITE_FOLDER",
    "pose_model": "GCS_READ_FILE",
    "transform_fn": "GCS_READ_FOLDER",
}
_NUMBERS = {
    positive_float: r"^[0-9]*\.?[0-9]+$",
    positive_int: "^[1-9][0-9]*$",
    share: r"^(0?\.[0-9]+|0|1(\.0*)?)$",
    whole_number: "^[0-9]+$",
}
_IN_BUCKET = "^gs://.+$"
_IN_PUBSUB = (
    ("/subscriptions/", "PUBSUB_SUBSCRIPTION", "^projects/[^/]+/subscriptions/[^/]+$"),
    ("/topics/", "PUBSUB_TOPIC", "^projects/[^/]+/topics/[^/]+$"),
)
# Beam's own options that a user of a template may want, and that are no field of Dataflow's form.
_OF_BEAM: tuple[dict[str, Any], ...] = (
    {
        "name": "sdk_container_image",
        "label": "Image of the workers",
        "helpText": "The image that was made from this project's Dockerfile; the template's own image is one.",
        "isOptional": False,
        "regexes": ["^[^ ]+/[^ ]+$"],
        "paramType": "TEXT",
    },
    {
        "name": "number_of_worker_harness_threads",
        "label": "Videos at a time",
        "helpText": "How many bundles each process of a worker takes at a time (default 1). There is a process a core.",
        "isOptional": True,
        "regexes": [_NUMBERS[positive_int]],
        "paramType": "NUMBER",
    },
    {
        "name": "element_processing_timeout_minutes",
        "label": "Minutes for a video",
        "helpText": "A process that is at one video for longer is ended, and the video is tried again (default a day).",
        "isOptional": True,
        "regexes": [_NUMBERS[positive_int]],
        "paramType": "NUMBER",
    },
)


def parameter(action: argparse.Action) -> dict[str, Any]:
    """A template's parameter for a flag."""
    text = str(action.help).replace("%%", "%")
    made: dict[str, Any] = {
        "name": action.dest,
        "label": action.dest.replace("_", " ").capitalize(),
        "helpText": text[0].upper() + text[1:] + ".",
        "isOptional": not action.required,
        **_kind(action, text),
    }
    if action.default not in (None, False):
        made["defaultValue"] = f"{action.default:g}" if isinstance(action.default, float) else str(action.default)
    return made


def _kind(action: argparse.Action, text: str) -> dict[str, Any]:
    if action.nargs == 0:
        return {"paramType": "BOOLEAN", "regexes": ["^(true|false)$"]}
    if action.choices is not None:
        return {"paramType": "ENUM", "enumOptions": [{"value": str(choice)} for choice in action.choices]}
    for kind, regex in _NUMBERS.items():
        if action.type is kind:
            return {"paramType": "NUMBER", "regexes": [regex]}
    for sign, kind_of, regex in _IN_PUBSUB:
        if sign in text:
            return {"paramType": kind_of, "regexes": [regex]}
    if action.dest in _KINDS or "gs://" in text:
        return {"paramType": _KINDS.get(action.dest, "TEXT"), "regexes": [_IN_BUCKET]}
    return {"paramType": "TEXT"}


def template_metadata(command: str) -> dict[str, Any]:
    """The metadata of the template of a command, as JSON has it."""
    parser = options.command_parsers()[command]
    actions = [action for action in parser._actions if action.dest not in _LEFT_OUT]
    made: dict[str, Any] = {
        "name": f"exercise-recognition {command}",
        "description": parser.description,
        "parameters": [*map(parameter, actions), *_OF_BEAM],
    }
    if command == "stream":
        # State tells what was seen before: at least once would do work again, and gain nothing.
        made |= {"streaming": True, "supportsExactlyOnce": True, "supportsAtLeastOnce": False}
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m beam_jobs.flex_template.template_metadata",
        description="Prints the metadata of a Flex Template as JSON.",
    )
    parser.add_argument("command", choices=COMMANDS, help="the command of python -m beam_jobs")
    json.dump(template_metadata(parser.parse_args().command), sys.stdout, indent=2)
    print()
