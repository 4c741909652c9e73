"""Transistor cards, ours and one's own; mismatch from their coefficients."""

import re
from pathlib import Path

import numpy as np
import pytest
from unit.builders import experiment

from mtjspice.errors import InputError
from mtjspice.netlist import build_deck
from mtjspice.netlist.cards import read_card
from mtjspice.netlist.identity import simulation_key
from mtjspice.spec import (
    Die,
    Experiment,
    GatedCell,
    ProgrammedTile,
    Technology,
    Transistor,
    TransmissionGateCell,
)

CARDS = ["cmos12_bsim4", "cmos12_level1", "cmos33_bsim4", "cmos33_level1"]
CORNERS = ["tt", "ff", "ss", "fs", "sf"]
OWN = """\
* A card of one's own.
.lib slow
.model nch nmos level=14 version=4.8.2 vth0=0.5
.endl slow

.lib fast
.model nch nmos level=14 version=4.8.2 vth0=0.3
.endl
"""


def gated(*, technology: Technology = Technology(), die: Die = Die(), **cell) -> Experiment:  # noqa: B008, frozen
    """A small array of gated cells."""
    return experiment(crossbar={"cell": GatedCell(**cell)}, technology=technology, die=die)


def own(path: Path, text: str = OWN, corner: str = "slow") -> Technology:
    """A technology of a card in a file."""
    path.write_text(text)
    return Technology(card=str(path), corner=corner)


NCH = Transistor(model="nch", width=1e-6, length=1e-7)


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("corner", CORNERS)
def test_our_cards_have_both_channels_in_five_corners(card, corner):
    read = read_card(Technology(card=card, corner=corner))
    suffix = card[4:6]
    assert read.channels == {f"nmos_{suffix}": "nmos", f"pmos_{suffix}": "pmos"}
    assert list(read.models) == list(read.channels)
    assert {model.channel for model in read.models.values()} == {"nmos", "pmos"}
    assert read.shifts is ("bsim4" in card)


@pytest.mark.parametrize("card", CARDS)
def test_the_corners_of_a_card_differ(card):
    texts = {repr(read_card(Technology(card=card, corner=corner)).models) for corner in CORNERS}
    assert len(texts) == 5


@pytest.mark.parametrize("card", CARDS)
def test_sizes_and_coefficients_are_those_of_the_comments(card, repository):
    text = (repository / "models" / f"{card}.lib").read_text()
    (sizes,) = re.findall(r"^\* range lmin=(\S+) lmax=(\S+) wmin=(\S+) wmax=(\S+)$", text, re.M)
    (mismatch,) = re.findall(r"^\* pelgrom avt_n=(\S+)m avt_p=(\S+)m$", text, re.M)
    metres = [float(size[:-1]) * {"n": 1e-9, "u": 1e-6}[size[-1]] for size in sizes]
    read = read_card(Technology(card=card))
    assert list(read.limits) == ["lmin", "lmax", "wmin", "wmax"]
    assert list(read.limits.values()) == pytest.approx(metres)
    # mV um in the file, V m here.
    assert read.pelgrom == pytest.approx(
        dict(zip(("avt_n", "avt_p"), (1e-9 * float(m) for m in mismatch), strict=True))
    )


def test_a_corner_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(InputError, match="the card has tt, ff, ss, fs, sf") as caught:
        build_deck(gated(technology=Technology(corner="typical")))
    assert (caught.value.key, caught.value.value) == ("corner", "typical")
    assert "cmos33_bsim4.lib" in caught.value.source


@pytest.mark.parametrize("card", ["cmos45", "missing.lib", "."])
def test_an_unknown_card_is_refused_with_ours(card):
    with pytest.raises(InputError, match=", ".join(CARDS)) as caught:
        build_deck(gated(technology=Technology(card=card)))
    assert (caught.value.key, caught.value.value) == ("card", card)


def test_a_card_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "card.lib").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        read_card(Technology(card=str(tmp_path / "card.lib")))


def test_a_card_name_that_no_file_can_have_is_refused():
    with pytest.raises(InputError, match="cannot be read"):
        read_card(Technology(card="a\0b"))


def test_a_model_that_the_card_lacks_is_refused_with_those_it_has():
    with pytest.raises(InputError, match="the card has nmos_33, pmos_33") as caught:
        build_deck(gated(access=Transistor(model="nmos_12", width=1e-6, length=1e-6)))
    assert (caught.value.key, caught.value.value) == ("model", "nmos_12")


@pytest.mark.parametrize(
    ("size", "key"),
    [
        ({"length": "0.34u"}, "length"),
        ({"length": "21u"}, "length"),
        ({"width": "0.39u"}, "width"),
        ({"width": "1001u"}, "width"),
    ],
)
def test_a_size_that_the_card_is_not_for_is_refused(size, key):
    transistor = Transistor(**{"model": "nmos_33", "width": "2u", "length": "0.35u"} | size)
    with pytest.raises(InputError, match=r"the card is for .* to .* m") as caught:
        build_deck(gated(access=transistor))
    assert caught.value.key == key


@pytest.mark.parametrize(("width", "length"), [("0.4u", "0.35u"), ("1000u", "20u")])
def test_the_sizes_at_the_ends_are_allowed(width, length):
    build_deck(gated(access=Transistor(model="nmos_33", width=width, length=length)))


def test_both_transistors_of_a_transmission_gate_are_checked():
    cell = TransmissionGateCell(pmos=Transistor(model="pmos_33", width=1e-6, length=1e-8))
    with pytest.raises(InputError, match="the card is for"):
        build_deck(experiment(crossbar={"cell": cell}))


def test_a_card_of_ones_own_is_read_from_its_path(tmp_path):
    technology = own(tmp_path / "own.lib")
    text = build_deck(gated(access=NCH, technology=technology)).text
    assert "vth0=0.5" in text
    assert "vth0=0.3" not in text


def test_a_card_that_was_changed_is_read_again(tmp_path):
    technology = own(tmp_path / "own.lib")
    before = read_card(technology).models
    own(tmp_path / "own.lib", OWN.replace("vth0=0.5", "vth0=0.55"))
    assert read_card(technology).models != before


def test_a_card_without_comments_has_no_limits_and_no_mismatch(tmp_path):
    read = read_card(own(tmp_path / "own.lib", corner="fast"))
    assert (read.limits, read.pelgrom) == ({}, {})
    read.check(Transistor(model="nch", width=1e-2, length=1e-9))
    assert read.threshold_sigma(NCH) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        OWN.replace("nmos", "NMOS"),
        OWN.replace(".model", ".MODEL"),
        OWN.replace(".lib", ".LIB").replace(".endl", ".ENDL"),
        OWN.replace(".lib slow", ".lib SLOW"),
        OWN.replace("\n", "\r\n"),
    ],
    ids=["channel", "model", "sections", "corner", "line ends"],
)
def test_a_card_may_be_written_in_capitals_as_for_ngspice(tmp_path, text):
    (tmp_path / "own.lib").write_bytes(text.encode())
    read = read_card(Technology(card=str(tmp_path / "own.lib"), corner="slow"))
    assert read.channels == {"nch": "nmos"}


@pytest.mark.parametrize(
    "comment", ["* range of validity: l=0.1um..1um", "* range lmin=abc", "* pelgrom avt_n=about5m"]
)
def test_a_comment_without_numbers_does_not_end_in_a_traceback(tmp_path, comment):
    technology = own(tmp_path / "own.lib", f"{comment}\n{OWN}")
    try:
        read = read_card(technology)
    except InputError as error:
        assert error.source == str(tmp_path / "own.lib")
    else:
        assert read.limits == {}


@pytest.mark.parametrize("card", ["cmos12_level1", "cmos33_level1"])
def test_mismatch_of_level_1_is_refused(card):
    access = Transistor(model=f"nmos_{card[4:6]}", width=1e-6, length=1e-6)
    made = gated(access=access, technology=Technology(card=card), die=Die(mismatch=1.0))
    with pytest.raises(InputError, match="take no threshold shift; use a BSIM4 card"):
        build_deck(made)
    build_deck(made.replace(die=Die()))


def test_a_model_without_level_is_one_of_level_1(tmp_path):
    text = "* pelgrom avt_n=5m\n.lib slow\n.model nch nmos vto=0.5\n.endl\n"
    made = gated(access=NCH, technology=own(tmp_path / "own.lib", text), die=Die(mismatch=1.0))
    with pytest.raises(InputError, match="take no threshold shift"):
        build_deck(made)


@pytest.mark.parametrize(
    ("comment", "missing"),
    [("", "avt_n=5m"), ("* pelgrom avt_p=5m\n", "avt_n=5m"), ("* pelgrom avt_n=5m\n", None)],
)
def test_mismatch_that_the_library_says_nothing_of_is_refused(tmp_path, comment, missing):
    text = f"{comment}.lib slow\n.model nch nmos level=14 version=4.8.2\n.endl\n"
    path = tmp_path / "own.lib"
    made = gated(access=NCH, technology=own(path, text), die=Die(mismatch=1.0))
    if missing is None:
        build_deck(made)
        return
    for refuse in (build_deck, lambda e: simulation_key(e, "ngspice")):
        with pytest.raises(InputError, match=f"pelgrom {missing}") as error:
            refuse(made)
        assert (error.value.source, error.value.key) == (str(path), "die.mismatch")
        assert error.value.value == 1.0
    build_deck(made.replace(die=Die()))


def shifts(made: Experiment) -> np.ndarray:
    """What the netlist says of each transistor's threshold, V."""
    text = build_deck(made).text.replace("\n+ ", " ")
    return np.array([float(v) for v in re.findall(r"^M.* delvto=(\S+)$", text, re.M)])


def many(cell, seed: int = 1, index: int = 0, mismatch: float = 1.0) -> Experiment:
    base = experiment(states=["P" * 40] * 40, volts=[[0.1] * 40], crossbar={"cell": cell})
    tile = ProgrammedTile(states=base.tile.states, index=index)
    return base.replace(die=Die(seed=seed, mismatch=mismatch), tile=tile)


def test_without_mismatch_no_threshold_is_shifted():
    assert shifts(gated()).size == 0


@pytest.mark.parametrize("mismatch", [1.0, 0.5])
def test_thresholds_are_spread_by_pelgroms_law(mismatch):
    drawn = shifts(many(TransmissionGateCell(), mismatch=mismatch))
    for z, avt, width in ((drawn[::2], 8e-9, 2e-6), (drawn[1::2], 9e-9, 4e-6)):
        z = z / (mismatch * avt / np.sqrt(2 * width * 0.35e-6))  # noqa: PLW2901
        assert z.size == 1600
        assert abs(z.mean()) < 4 / np.sqrt(z.size)
        assert abs(z.var() - 1) < 4 * np.sqrt(2 / z.size)
    assert abs(np.corrcoef(drawn[::2], drawn[1::2])[0, 1]) < 4 / np.sqrt(1600)


def test_mismatch_depends_on_seed_and_tile_alone():
    first = shifts(many(GatedCell()))
    assert (shifts(many(GatedCell())) == first).all()
    assert (shifts(many(GatedCell(), seed=2)) != first).all()
    assert (shifts(many(GatedCell(), index=1)) != first).all()
