import copy
import hashlib
import json
import math
import os
from pathlib import Path

import pytest

from mtjspice.errors import InputError
from mtjspice.solver.access import AccessModel
from mtjspice.spec import Converter, Crossbar, GatedCell, Mtj, PassiveCell, parse_spec
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.periphery import TransimpedanceAmplifier
from mtjspice.surrogate import card as cards
from mtjspice.surrogate.card import (
    SUFFIX,
    UNITS,
    VERSION,
    AmplifierModel,
    Bound,
    Card,
    Correction,
    HeldOut,
    NodalErrors,
    Validity,
    load_card,
    save_card,
)

ACCESS = AccessModel(
    resistance=[[[1000.0, 1 / 3], [20.0, 0.1]], [[1000.0, 1 / 3], [-15.0, 1e-300]]],
    sensitivity=[[[[700.0, 0.0], [1.0, 0.0]], [[700.0, 0.0], [2.0, 0.0]]]],
    current_scale=1e-4,
    potential_scale=0.1,
    threshold_sigma=[4.2e-3],
)
AMPLIFIER = AmplifierModel(
    input_resistance=1.0, gain=2e3, zero=1.65, clip_low=0.0, clip_high=3.3, deviation=1e-9
)
CELLS = {
    "passive": PassiveCell(),
    "ohmic": PassiveCell(mtj=Mtj(v_half=math.inf)),
    "gated": GatedCell(),
}


def card(cell: str = "gated", **parts) -> Card:
    amplifier = TransimpedanceAmplifier(reference=1.65, zero=1.65, clip_low=0.0, clip_high=3.3)
    circuit = Calibration(
        name="small",
        crossbar=Crossbar(rows=3, columns=2, cell=CELLS[cell]),
        periphery=amplifier,
        dac=Converter(low=0.65, high=2.65),
    )
    errors = {"rms": 1 / 30, "p999": 0.1, "maximum": 0.2, "equal_signs": 1.0, "signal": 0.3}
    return Card(
        **{
            "name": circuit.name,
            "circuit": circuit,
            "access": ACCESS if cell == "gated" else None,
            "amplifier": AMPLIFIER,
            "correction": Correction(linear=0.999999, own=1.01, mixed=0.97),
            "validity": Validity(
                volts=0.1,
                sizes=((3, 2), (8, 8)),
                defects=("open", "short"),
                sigma_ln_rp=0.05,
                sigma_ln_tmr=0.05,
                mismatch=1.0,
                short_resistance=100.0,
                bridge_resistance=50.0,
                shorts=0.01,
                cells=6,
                access_current=1e-4,
            ),
            "bound": Bound(
                margin=2.0,
                expansion=1e-3,
                nodal=NodalErrors(rms=1e-5, bound=1 / 3e4),
                shorted=NodalErrors(rms=2e-5, bound=1e-4),
            ),
            "errors": (HeldOut(group="new tiles", level="full", tiles=2, reads=9, **errors),),
            "planned": 7,
            "failed": ("new tiles 1",),
            "broken": ("new tiles, full: RMS error",),
            "data_key": "0" * 64,
            "versions": {"python": "3", "made on": "µ"},
        }
        | parts
    )


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / f"small{SUFFIX}"


def saved(path: Path) -> dict:
    save_card(card(), path)
    return json.loads(path.read_text(encoding="utf-8"))


def stamped(content: dict, path: Path) -> Path:
    """Write content with the checksum that fits it, as the docstring says it is made."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    checksum = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps({"checksum": checksum, "card": content}), encoding="utf-8")
    return path


def refusal(name: object) -> InputError:
    with pytest.raises(InputError) as caught:
        load_card(name)
    assert caught.value.exit_code == 2
    return caught.value


def test_a_share_of_equal_signs_may_be_missing(path):
    line = card().errors[0].replace(equal_signs=None, equal_codes=None)
    save_card(card(errors=(line,)), path)
    (read,) = load_card(path).errors
    assert read == line
    assert read.equal_signs is None


@pytest.mark.parametrize("part", ["bridge_resistance", "shorts", "cells"])
def test_a_range_without_what_it_is_judged_by_is_refused(path, part):
    content = copy.deepcopy(saved(path)["card"])
    del content["validity"][part]
    assert f"validity.{part}" in str(refusal(stamped(content, path)))


@pytest.mark.parametrize("cell", CELLS)
def test_a_card_is_read_as_it_was_written(path, cell):
    made = card(cell)
    save_card(made, path)
    read = load_card(path)
    assert read == made
    assert read.circuit.crossbar.cell.mtj.v_half == made.circuit.crossbar.cell.mtj.v_half
    assert load_card(str(path)) == made


def test_the_laws_of_a_card_that_was_read_are_the_same_to_the_last_bit(path):
    save_card(card(), path)
    ours, theirs = ACCESS.device_law(), load_card(path).access.device_law()
    assert (ours.resistance == theirs.resistance).all()
    assert (ours.sensitivity == theirs.sensitivity).all()


def test_the_same_card_gives_the_same_bytes(path, tmp_path):
    save_card(card(), path)
    again = tmp_path / "again.json"
    save_card(load_card(path), again)
    assert again.read_bytes() == path.read_bytes()


def test_writing_replaces_the_card_that_was_there_and_leaves_nothing_else(path):
    path.write_text("old")
    save_card(card(), path)
    assert load_card(path) == card()
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_every_number_of_a_card_has_its_unit_beside_it(path):
    content = saved(path)["card"]
    assert content["units"] == UNITS
    for name in UNITS:
        part = content
        for key in name.split("."):
            assert key in part, name
            part = part[key]
    for part in ("access", "amplifier"):
        numbers = {f"{part}.{name}" for name in content[part]}
        assert numbers <= UNITS.keys()
    spreads = {"sigma_ln_rp", "sigma_ln_tmr", "mismatch", "sizes", "defects", "shorts", "cells"}
    assert {f"validity.{n}" for n in content["validity"].keys() - spreads} <= UNITS.keys()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("correction", "own"), 1.0100000001),
        (("access", "resistance", 0, 0, 0), 1001.0),
        (("validity", "volts"), 0.2),
        (("validity", "sizes", 1, 0), 9),
        (("errors", 0, "rms"), 0.0),
        (("failed",), []),
        (("broken",), []),
        (("validity", "shorts"), 0.5),
        (("circuit", "crossbar", "row", "resistance"), 5.0),
    ],
    ids=str,
)
def test_a_card_with_one_changed_number_is_refused(path, place, value):
    content = saved(path)
    part = content["card"]
    for key in place[:-1]:
        part = part[key]
    assert part[place[-1]] != value
    part[place[-1]] = value
    path.write_text(json.dumps(content))
    error = refusal(path)
    assert error.key == "checksum"
    assert str(path) in str(error)
    assert "changed or damaged" in str(error)


def test_a_card_with_another_checksum_is_refused(path):
    content = saved(path)
    path.write_text(json.dumps(content | {"checksum": "f" * 64}))
    assert refusal(path).key == "checksum"


def test_a_card_that_was_only_laid_out_anew_is_read(path):
    content = saved(path)
    path.write_text(json.dumps(content, indent=4, sort_keys=True))
    assert load_card(path) == card()


@pytest.mark.parametrize("version", [0, VERSION - 1, VERSION + 1, "2", None, True, [1]])
def test_a_card_of_another_version_is_refused_even_with_its_own_checksum(path, version):
    content = saved(path)["card"]
    error = refusal(stamped(content | {"version": version}, path))
    assert error.key == "card.version"
    assert "mtjspice calibrate" in str(error)
    assert "make cards" in str(error)


def test_a_card_without_a_version_is_refused(path):
    content = saved(path)["card"]
    del content["version"]
    assert "is not a calibration card" in str(refusal(stamped(content, path)))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("surprise",), 1),
        (("correction", "surprise"), 1.0),
        (("validity", "volts"), "high"),
        (("access", "current_scale"), -1e-4),
        (("circuit", "read_voltage"), 0.0),
    ],
    ids=str,
)
def test_a_card_with_wrong_content_is_refused_even_with_its_own_checksum(path, place, value):
    content = copy.deepcopy(saved(path)["card"])
    part = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    error = refusal(stamped(content, path))
    assert str(path) in str(error)
    assert place[-1] in str(error)


def test_a_refusal_of_content_speaks_of_the_card_and_not_of_the_library_that_checks(path):
    content = saved(path)["card"] | {"surprise": 1}
    message = str(refusal(stamped(content, path)))
    assert "surprise" in message
    assert "pydantic" not in message
    assert "http" not in message
    assert "input_value" not in message


def test_a_card_of_a_spec_that_is_refused_now_says_why_in_words_for_people(path):
    content = copy.deepcopy(saved(path)["card"])
    content["circuit"]["dac"]["low"] = 1.6
    error = refusal(stamped(content, path))
    assert error.key.startswith("card.circuit")
    assert "the DAC gives" in str(error)
    for word in ("pydantic", "http", "input_value"):
        assert word not in str(error)


def test_a_card_without_a_part_is_refused(path):
    content = saved(path)["card"]
    del content["validity"]
    assert "validity" in str(refusal(stamped(content, path)))


@pytest.mark.parametrize(
    "text", ["[]", "null", "1", "{}", '{"checksum": "0"}', '{"checksum": "0", "card": []}']
)
def test_another_file_is_refused(path, text):
    path.write_text(text)
    error = refusal(path)
    assert str(path) in str(error)
    assert "is not a calibration card" in str(error)


@pytest.mark.parametrize("text", ["", "no JSON", "[" * 100_000, '{"card": {}, "card": {}}'])
def test_what_is_no_json_is_refused(path, text):
    path.write_text(text)
    error = refusal(path)
    assert str(path) in str(error)
    assert "is not JSON" in str(error)


def test_bytes_that_are_no_text_are_refused(path):
    path.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in str(refusal(path))


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_refused_at_once(path, make):
    make(path)
    assert "not a file" in str(refusal(path))


@pytest.mark.parametrize("share", [0.02, 0.95])
def test_a_truncated_card_is_refused(path, share):
    saved(path)
    text = path.read_text()
    path.write_text(text[: int(share * len(text))])
    assert "is not JSON" in str(refusal(path))


NAN = float("nan")
NO_NUMBER = ("3", True, None, [], NAN, math.inf, -math.inf, 1e300, 10**400)
"""What no number of a card can be."""
CANNOT_BE = {
    ("amplifier", "gain"): (*NO_NUMBER, 0, 0.0, -2e3),
    ("amplifier", "input_resistance"): (*NO_NUMBER, -1.0),
    ("amplifier", "zero"): NO_NUMBER,
    ("amplifier", "clip_low"): NO_NUMBER,
    ("amplifier", "clip_high"): NO_NUMBER,
    ("amplifier", "deviation"): (*NO_NUMBER, -1e-9),
    ("correction", "linear"): (*NO_NUMBER, 0.0, -1.0),
    ("correction", "own"): NO_NUMBER,
    ("correction", "mixed"): NO_NUMBER,
    ("access", "resistance"): ([], [[[1000.0]]], 3, None, "x"),
    ("access", "resistance", 0): ([], [[]], 3),
    ("access", "resistance", 0, 0): ([], 3, [1.0] * 17),
    ("access", "resistance", 0, 0, 0): NO_NUMBER,
    ("access", "sensitivity"): ([], 3, None),
    ("access", "sensitivity", 0): ([], 3),
    ("access", "current_scale"): (*NO_NUMBER, 0.0, -1.0),
    ("access", "potential_scale"): (*NO_NUMBER, 0.0, -1.0),
    ("access", "threshold_sigma", 0): (*NO_NUMBER, -1e-3),
    ("validity", "volts"): (*NO_NUMBER, 0.0, -0.1),
    ("validity", "sizes"): (3, None, [3], [[3]], [[3, 2, 1]], [[0, 2]], [[3.5, 2]], [["3", 2]]),
    ("validity", "defects"): (3, ["none"], [3]),
    ("validity", "sigma_ln_rp"): (*NO_NUMBER, -0.1),
    ("validity", "sigma_ln_tmr"): (*NO_NUMBER, -0.1),
    ("validity", "mismatch"): (*NO_NUMBER, -0.1),
    ("validity", "short_resistance"): (*NO_NUMBER, 0.0, -1.0),
    ("validity", "bridge_resistance"): (*NO_NUMBER, 0.0, -1.0),
    ("validity", "shorts"): (*NO_NUMBER, -0.1, 1.1),
    ("validity", "cells"): (*NO_NUMBER, 0, -1, 1.7),
    ("validity", "access_current"): ("3", True, [], NAN, math.inf, 0.0, -1.0, 1e300),
    ("errors", 0, "tiles"): (*NO_NUMBER, 0, 1.7),
    ("errors", 0, "reads"): (*NO_NUMBER, 0, 1.7),
    ("errors", 0, "rms"): (*NO_NUMBER, -0.1),
    ("errors", 0, "p999"): (*NO_NUMBER, -0.1),
    ("errors", 0, "maximum"): (*NO_NUMBER, -0.1),
    ("errors", 0, "equal_signs"): ("3", True, NAN, -0.1, 1.1),
    ("errors", 0, "equal_codes"): ("3", True, NAN, -0.1, 1.1),
    ("errors", 0, "signal"): (*NO_NUMBER, -0.1),
    ("errors", 0, "by_nodal"): (*NO_NUMBER, -1, 0.5),
    ("errors", 0, "over_bound"): ("3", True, NAN, -0.1),
    ("errors", 0, "differences"): (*NO_NUMBER, -1, 0.5),
    ("bound", "margin"): (*NO_NUMBER, 0.9, 101.0),
    ("bound", "expansion"): (*NO_NUMBER, -0.1, 1.1),
    ("bound", "nodal", "rms"): (*NO_NUMBER, -1e-9),
    ("bound", "nodal", "bound"): (*NO_NUMBER, -1e-9),
    ("bound", "shorted", "bound"): (*NO_NUMBER, -1e-9),
    ("errors", 0, "level"): ("best", 3, None),
    ("errors", 0, "group"): ("<script>", "", 3, None),
    ("planned",): (*NO_NUMBER, 0, 1.7),
    ("failed",): (3, [3], ["a\nb"], ["x" * 301]),
    ("broken",): (3, [3], ["a\0b"]),
    ("name",): ("../x", "<b>", 3, None),
    ("data_key",): ("", "0" * 63, "G" * 64, 3, None),
    ("versions",): (3, {"a": 3}, {"a": "b\nc"}),
    ("units",): (3, {"a": 3}),
}


@pytest.mark.parametrize(
    ("place", "value"), [(place, value) for place, values in CANNOT_BE.items() for value in values]
)
def test_what_cannot_be_is_refused_by_name_even_with_its_own_checksum(path, place, value):
    content = copy.deepcopy(card(amplifier=AMPLIFIER).model_dump(mode="json"))
    part = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    error = refusal(stamped(content, path))
    assert str(path) in str(error)
    assert error.key.startswith(".".join(map(str, ("card", *place))))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"amplifier": None}, "amplifier is missing: the circuit has gated cells"),
        ({"access": None}, "access is missing"),
        ({"units": UNITS | {"amplifier.gain": "kOhm"}}, "units must be those of this version"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(path, change, says):
    content = card().model_dump(mode="json") | change
    assert says in str(refusal(stamped(content, path)))


def test_parts_that_the_circuit_does_not_have_are_refused(path):
    content = card("passive").model_dump(mode="json")
    content["access"] = ACCESS.model_dump(mode="json")
    assert "access must be left out" in str(refusal(stamped(content, path)))


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("amplifier", "clip_low"), 3.3, "clip_low (3.3 V) must be below clip_high (3.3 V)"),
        (("errors", 0, "rms"), 0.3, "rms (0.3) is above the maximum (0.2)"),
        (("errors", 0, "p999"), 0.3, "p999 (0.3) is above the maximum (0.2)"),
        (("access", "threshold_sigma"), [4e-3, 4e-3], "sensitivity is of 1 transistors"),
        (("access", "resistance", 0, 0), [1000.0], "must have the same powers"),
        (("access", "resistance", 0, 0, 0), -1000.0, "must be above zero over the whole"),
        (("access", "resistance", 1, 1, 0), 2000.0, "must be above zero over the whole"),
    ],
)  # fmt: skip
def test_numbers_that_contradict_each_other_are_refused(path, place, value, says):
    content = copy.deepcopy(card().model_dump(mode="json"))
    part = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    assert says in str(refusal(stamped(content, path)))


def test_a_missing_file_is_refused_by_its_name(path):
    assert str(path) in str(refusal(path))


def test_a_folder_is_refused_by_its_name(path):
    path.mkdir()
    assert str(path) in str(refusal(path))


def test_an_unknown_name_is_refused_with_the_names_that_there_are(monkeypatch, tmp_path):
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(cards, "folder", lambda name: tmp_path / name)
    for name in ("one", "two"):
        save_card(card(), tmp_path / "models" / f"{name}{SUFFIX}")
    error = refusal("three")
    assert error.value == "three"
    assert "(one, two)" in str(error)
    assert ".json path" in str(error)
    assert load_card("one") == card()


@pytest.mark.parametrize("name", ["die20k", "passive15"])
def test_a_card_that_ships_is_that_of_its_example(repository, name):
    path = repository / "examples" / name / "calibration.toml"
    made = load_card(name)
    assert made.circuit == parse_spec(path.read_text(), Calibration, source=path)
    assert made.failed == ()
    assert made.broken == ()
    text = (repository / "models" / f"{name}{SUFFIX}").read_text()
    assert "NaN" not in text


def test_a_name_of_a_card_that_ships_is_looked_for_among_the_models():
    assert "is no card that ships" in str(refusal("no such card"))
