"""What a Flex Template's launcher runs: one command of `python -m beam_jobs`, which submits its job and ends.

The launcher gives parameters as `--name=value`, and starts this file by its path (FLEX_TEMPLATE_PYTHON_PY_FILE). Which
command it is stands in the image: BEAM_JOBS_COMMAND.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from beam_jobs import options
from beam_jobs.__main__ import main

COMMAND_VARIABLE = "BEAM_JOBS_COMMAND"
# A job that is waited for would keep the template from starting.
_DO_NOT_WAIT = "--no_wait_until_finish"


def command_line(command: str, parameters: Sequence[str]) -> list[str]:
    """The command line that a template's parameters stand for.

    Args:
      command: of `python -m beam_jobs`.
      parameters: as the launcher gives them. A switch has a value, "true" or "false".

    Returns:
      The command and its flags.
    """
    actions = options.command_parsers()[command]._actions
    switches = {name for one in actions if isinstance(one, argparse._StoreTrueAction) for name in one.option_strings}
    flags = []
    for parameter in parameters:
        flag, _, value = parameter.partition("=")
        if flag in switches and value:
            flags += [flag] if value.lower() == "true" else []
        elif flag == "--labels" and value.startswith("{"):
            # The launcher's own labels of the job, by a name that is a flag of `extract`; Beam takes both names.
            flags.append(f"--label={value}")
        else:
            flags.append(parameter)
    return [command, *flags, _DO_NOT_WAIT]


if __name__ == "__main__":
    sys.exit(main(command_line(os.environ[COMMAND_VARIABLE], sys.argv[1:])))
