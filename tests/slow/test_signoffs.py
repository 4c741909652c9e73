"""Both published experiments signed off by one command each, with what ships."""

import json

import pytest
from unit.commands import caller

pytestmark = [pytest.mark.ngspice, pytest.mark.slow]


def test_every_network_of_goodwill2022_in_full(monkeypatch, capsys, tmp_path):
    call = caller(monkeypatch, capsys)
    answer = call("reproduce", "goodwill2022", "--signoff", "--out", tmp_path)
    assert answer.code == 0, answer.out
    report = json.loads((tmp_path / "signoff" / "report.json").read_text())
    (condition,) = report["conditions"]
    assert condition["statement"]["simulated"] == condition["statement"]["images"] == 300 * 178


def test_the_weights_of_borders2024_on_their_dies(monkeypatch, capsys, tmp_path):
    call = caller(monkeypatch, capsys)
    options = ("--signoff", "--digits", "--quick", "--out", tmp_path)
    assert call("reproduce", "borders2024", *options).code in (0, 1, 4)  # trained briefly
    report = json.loads((tmp_path / "signoff" / "report.json").read_text())
    (condition,) = report["conditions"]
    statement = condition["statement"]
    assert statement["images"] == 6 * 500
    assert statement["accuracy"] <= 0.001
    assert statement["simulated"] < statement["images"]
