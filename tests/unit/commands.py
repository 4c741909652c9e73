"""The command line in this process, and what it says to input that is wrong."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mtjspice import cli


@dataclasses.dataclass(frozen=True)
class Answer:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def caller(monkeypatch, capsys) -> Callable[..., Answer]:
    """Calls the command line with arguments."""

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["mtjspice", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return Answer(left.value.code, said.out, said.err)

    return call


def assert_refused(answer: Answer, folder: Path, *words: object) -> None:
    """Exit code 2, one message with these words on stderr, no output at all."""
    assert answer.code == 2, answer.err
    assert answer.out == ""
    message = answer.err.strip()
    assert message.startswith("mtjspice: ")
    assert "Traceback" not in message
    assert "pydantic" not in message
    for word in words:
        assert str(word) in message
    assert not (folder / "out").exists()
