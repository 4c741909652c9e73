"""The command line. It parses, calls one function, prints; exit codes are those of `errors`."""

import re
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from mtjspice.cli import arrays, networks  # noqa: F401, commands in the order of their help

from mtjspice.cli import about  # noqa: F401, isort: skip
from mtjspice.cli.app import app
from mtjspice.ending import DEBUG
from mtjspice.ending import run as run_to_its_end
from mtjspice.errors import ExitCode, InputError, printable

_UsageError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)
"""Of the parser; typer brings a click of its own from 0.26 on."""
ALLOWED = {"--reference": "must be an accuracy, as 0.97 or '97%', or a folder of weights"}
"""What may stand in the place of an empty word, where that is more than a name."""


def main() -> NoReturn:
    """Entry point where nothing has to be said of libraries that do not load; see `__main__`."""
    run_to_its_end(answer)


def answer() -> int:
    """Do what the command line asks for; the exit code."""
    command = typer.main.get_command(app)
    try:
        given = [word for word in sys.argv[1:] if word != DEBUG]
        _check_words(given)
        with command.make_context("mtjspice", given) as context:
            command.invoke(context)
    except typer.Exit as left:
        return left.exit_code
    except _UsageError as error:
        error.message = printable(error.message)  # type: ignore[attr-defined]
        error.show()  # type: ignore[attr-defined]
        return ExitCode.BAD_INPUT
    return ExitCode.DONE


def _check_words(given: Sequence[str]) -> None:
    """Refuse empty words: as a path one would be the folder that one is in.

    Raises:
        InputError: naming the option.
    """
    for before, word in zip(("", *given), given, strict=False):
        option = before if word == "" else word.removesuffix("=")
        if word == "" or re.fullmatch(r"--[\w-]+=", word):
            raise InputError(
                source=option if option.startswith("-") else "the command line", value="",
                allowed=ALLOWED.get(option, "must not be empty; --help says what may stand there, "
                                    "and the folder that one is in is '.'"),
            )  # fmt: skip
