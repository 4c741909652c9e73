"""What a simulation's key holds: everything that makes its netlist, and nothing else."""

import ast
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from unit.builders import experiment

from mtjspice.data.assets import folder
from mtjspice.errors import InputError
from mtjspice.netlist import build_deck, identity
from mtjspice.netlist.golden import golden_experiments
from mtjspice.netlist.identity import PACKAGE, SOURCES, inputs_digest, simulation_key
from mtjspice.spec import (
    Defect,
    Die,
    Experiment,
    GatedCell,
    Line,
    ProgrammedTile,
    SenseAmplifier,
    Stimulus,
    Technology,
    TransientRead,
    Transistor,
    VirtualGround,
)

NGSPICE = "ngspice 46 (KLU)"
LATCHED = experiment(periphery=SenseAmplifier(load="5k"), analysis=TransientRead())
PLAIN = experiment()
OURS = PLAIN.crossbar


def key(one: Experiment) -> str:
    return simulation_key(one, NGSPICE)


def gated(card: str = "cmos33_bsim4", **technology) -> Experiment:
    technology = Technology(card=card, **technology)
    return experiment(crossbar={"cell": GatedCell()}, technology=technology)


@pytest.fixture
def card(tmp_path) -> Path:
    """A card that is given by its path."""
    return copy_of("cmos33_level1", tmp_path)


def copy_of(name: str, place: Path) -> Path:
    return Path(shutil.copy(folder("models") / f"{name}.lib", place / "foundry.lib"))


@pytest.fixture
def program(tmp_path, monkeypatch) -> Path:
    """A copy of the program's source, which the keys are then made of."""
    copy = tmp_path / "mtjspice"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(identity, "PACKAGE", copy)
    identity.generator_digest.cache_clear()
    yield copy
    identity.generator_digest.cache_clear()


@pytest.mark.parametrize("one", [*golden_experiments().values(), LATCHED])
def test_the_description_holds_all_that_can_be_said_of_a_netlist(one):
    again = Experiment(**json.loads(one.canonical()))
    assert build_deck(again).text == build_deck(one).text
    assert key(again) == key(one)


def test_different_netlists_have_different_keys():
    found = [key(one) for one in (*golden_experiments().values(), LATCHED)]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    "change",
    [
        {"die": Die(sigma_ln_rp=0.1, seed=1)},
        {"die": Die(sigma_ln_rp=0.1, seed=2)},
        {"die": Die(defects=(Defect(kind="short", row=0, column=0),))},
        {"tile": ProgrammedTile(states=["PA", "PP"])},
        {"tile": ProgrammedTile(states=["PA", "AP"], index=1)},
        {"stimulus": Stimulus(volts=[[0.1, np.nextafter(0.2, 1.0)]])},
        {"crossbar": OURS.replace(row=Line(resistance=5.0))},
        {"crossbar": OURS.replace(unselected="half")},
        {"periphery": VirtualGround(reference=0.1)},
        {"technology": Technology(temperature=28.0)},
        {"analysis": TransientRead()},
        {"observe": "cells"},
        {"reltol": 1e-9},
    ],
)
def test_each_part_of_the_description_changes_the_key(change):
    assert key(PLAIN.replace(**change)) != key(PLAIN)


def test_another_ngspice_changes_the_key():
    assert simulation_key(PLAIN, "ngspice 39 (KLU)") != key(PLAIN)


def latched(card: str) -> Experiment:
    return LATCHED.replace(periphery=LATCHED.periphery.replace(card=card))


@pytest.mark.parametrize(("made", "name"), [(gated, "cmos33"), (latched, "cmos12")])
def test_what_a_card_says_changes_the_key(tmp_path, made, name):
    card = copy_of(f"{name}_level1", tmp_path)
    one = made(str(card))
    before = key(one)
    os.utime(card, (1, 1))
    assert key(one) == before
    card.write_text(re.sub(r"(vto=0\.\d)", r"\g<1>1", card.read_text()))
    os.utime(card, (2, 2))  # a file system's clock may be coarse
    assert key(one) != before


def test_what_a_card_says_to_programs_changes_the_key(card):
    before = key(gated(str(card)))
    text = card.read_text()
    assert "* pelgrom avt_n=" in text
    card.write_text(text.replace("* pelgrom avt_n=", "* pelgrom avt_n=1"))
    os.utime(card, (2, 2))
    assert key(gated(str(card))) != before


def test_a_card_is_what_it_says_wherever_it_is(card):
    copy = card.with_name("copy.lib")
    shutil.copy(card, copy)
    assert inputs_digest(gated(str(copy))) == inputs_digest(gated(str(card)))


def test_a_card_that_no_transistor_takes_is_not_read():
    assert key(experiment(technology=Technology(card="/none/such.lib")))


@pytest.mark.parametrize("technology", [{"card": "/none/such.lib"}, {"corner": "xx"}])
def test_a_card_that_cannot_be_read_is_refused(technology):
    with pytest.raises(InputError, match=r"cannot be read|the card has"):
        key(gated(**technology))


TOO_LONG = Transistor(model="nmos_33", width=1e-6, length=30e-6)


@pytest.mark.parametrize(
    "one",
    [
        gated().replace(crossbar=gated().crossbar.replace(cell=GatedCell(access=TOO_LONG))),
        gated("cmos33_level1").replace(die=Die(mismatch=1.0)),
        latched("cmos33_bsim4"),
    ],
    ids=["size", "mismatch", "latch"],
)
def test_a_card_that_lacks_what_is_asked_of_it_is_refused_as_by_the_netlist(one):
    with pytest.raises(InputError) as there:
        build_deck(one)
    with pytest.raises(InputError) as here:
        key(one)
    assert str(here.value) == str(there.value)


def test_an_equal_program_gives_equal_keys(program):
    changed = key(PLAIN)
    assert program.is_dir()
    identity.generator_digest.cache_clear()
    assert key(PLAIN) == changed


@pytest.mark.parametrize(
    "file",
    ["netlist/lines.py", "collect/label.py", "spice/ngspice/simulate.py", "device/conductance.py"],
)
def test_another_program_changes_the_key(program, file):
    before = key(PLAIN)
    with (program / file).open("a") as source:
        source.write("\n# changed\n")
    assert key(PLAIN) == before  # it is read once
    identity.generator_digest.cache_clear()
    assert key(PLAIN) != before


def test_another_numpy_changes_the_key(monkeypatch):
    before = key(PLAIN)
    monkeypatch.setattr(np, "__version__", "1.99.0")
    identity.generator_digest.cache_clear()
    try:
        assert key(PLAIN) != before
    finally:
        identity.generator_digest.cache_clear()


def imported(path: Path) -> set[Path]:
    """The modules of this package that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mtjspice."):
            place = PACKAGE.parent / node.module.replace(".", "/")
            names = [place / alias.name for alias in node.names] if place.is_dir() else [place]
            found |= {name.with_suffix(".py") for name in names}
    return {path for path in found if path.is_file()}


def test_the_sources_are_all_that_makes_a_result():
    missing = [pattern for pattern in SOURCES if not list(PACKAGE.glob(pattern))]
    assert not missing
    known = {path for pattern in SOURCES for path in PACKAGE.glob(pattern)}
    # They give no number: errors, where things are, where ngspice runs and what it may take.
    numberless = ("errors.py", "data/assets.py", "data/files.py", "spec/resources.py")
    numberless += ("spice/ngspice/probe.py", "spice/sandbox.py")
    known |= {PACKAGE / name for name in numberless}
    begun = ["netlist/deck.py", "collect/label.py", "spice/ngspice/simulate.py"]
    waiting, seen = {PACKAGE / name for name in begun}, set()
    while waiting:
        seen.add(one := waiting.pop())
        waiting |= imported(one) - seen
    assert len(seen) > 25
    assert seen <= known, "add it to mtjspice.netlist.identity.SOURCES"
