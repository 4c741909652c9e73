"""How far a command is, where stderr is a log."""

import pytest

from mtjspice import progress as told


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [100.0]
    monkeypatch.setattr(told.time, "monotonic", lambda: now[0])
    return now


def test_a_log_has_a_line_at_once_then_some_and_the_last(capsys, clock):
    with told.progress() as tell:
        tell("margins", 0, 900)
        assert capsys.readouterr().err == "margins: 0/900 after 0 s\n"
        for done in range(1, 900):
            clock[0] += 0.1
            tell("margins", done, 900)
        lines = capsys.readouterr().err.splitlines()
        assert 7 <= len(lines) <= 9
        tell("margins", 900, 900)
        assert capsys.readouterr().err == "margins: 900/900 after 90 s\n"
        tell.say("what stays")
        assert capsys.readouterr().err == "what stays\n"
    assert capsys.readouterr().err == ""


def test_what_was_not_said_is_said_before_the_next_stage_and_at_the_end(capsys, clock):
    with told.progress() as tell:
        for size in range(1, 13):  # whose total grows with them
            tell("sizes", size, size)
        assert capsys.readouterr().err == "sizes: 1/1 after 0 s\n"
        tell("parameters", 1, 8)
        assert capsys.readouterr().err == "sizes: 12/12 after 0 s\nparameters: 1/8 after 0 s\n"
        tell("parameters", 2, 8)
    assert capsys.readouterr().err == "parameters: 2/8 after 0 s\n"
