"""The command line. It parses, calls one function, prints; exit codes are those of `errors`."""

import sys
from typing import NoReturn

import typer

from mtjspice.cli import arrays, networks  # noqa: F401, commands in the order of their help

from mtjspice.cli import about  # noqa: F401, isort: skip
from mtjspice.cli.app import app
from mtjspice.ending import DEBUG
from mtjspice.ending import run as run_to_its_end
from mtjspice.errors import ExitCode, printable

_UsageError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)
"""Of the parser; typer brings a click of its own from 0.26 on."""


def main() -> NoReturn:
    """Entry point where nothing has to be said of libraries that do not load; see `__main__`."""
    run_to_its_end(answer)


def answer() -> int:
    """Do what the command line asks for; the exit code."""
    command = typer.main.get_command(app)
    try:
        given = [word for word in sys.argv[1:] if word != DEBUG]
        with command.make_context("mtjspice", given) as context:
            command.invoke(context)
    except typer.Exit as left:
        return left.exit_code
    except _UsageError as error:
        error.message = printable(error.message)  # type: ignore[attr-defined]
        error.show()  # type: ignore[attr-defined]
        return ExitCode.BAD_INPUT
    return ExitCode.DONE
