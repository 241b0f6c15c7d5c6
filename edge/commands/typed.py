"""The command line as it was typed, for what is recorded about a run."""

from __future__ import annotations

import os
import shlex

import click
from click.core import ParameterSource

#: Options that say where results go and what is shown meanwhile; they change none.
_OUTPUTS = ("out", "corruptions", "force", "as_json", "record", "verbose", "quiet")


def typed_command(ctx: click.Context) -> str:
    """Return the command line as it was typed, without the options for its output.

    It is stored in the model, so of absolute paths only the last part is kept: folders are private, and the content
    hash identifies the data.
    """
    words = ["edgeemo", str(ctx.command.name)]
    for parameter in ctx.command.params:
        name = str(parameter.name)
        value = str(ctx.params.get(name))
        if name in _OUTPUTS or ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        if isinstance(parameter, click.Option):
            words.append(max(parameter.opts, key=len))
            if parameter.is_flag:
                continue
        words.append(os.path.basename(os.path.normpath(value)) if os.path.isabs(value) else value)
    return shlex.join(words)
