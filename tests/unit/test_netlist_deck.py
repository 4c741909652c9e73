import re

import pytest
from unit.builders import OHMIC, experiment

from mtjspice.device import conductance
from mtjspice.errors import InputError
from mtjspice.netlist import build_deck
from mtjspice.netlist.dialect import MAX_LINE
from mtjspice.netlist.golden import golden_experiments
from mtjspice.spec import (
    DcRead,
    Defect,
    Die,
    GatedCell,
    Line,
    Mtj,
    TransientRead,
    TransimpedanceAmplifier,
    format_spec,
    parse_spec,
)

GOLDEN = golden_experiments()
ROW, COLUMN = Line(resistance=5.0, end=100.0), Line(resistance=2.0, end=50.0)
WIRES = {"row": ROW, "column": COLUMN}
SOME = {"driven_rows": (0,), "sensed_columns": (1,)}


def lines(made) -> list[str]:
    """The netlist lines of an experiment, unfolded."""
    return build_deck(made).text.replace("\n+ ", " ").splitlines()


def elements(made) -> dict[str, str]:
    """What stands behind each element's name."""
    top, inside = {}, False
    for line in lines(made):
        inside = line.startswith(".subckt ") or (inside and not line.startswith(".ends"))
        if line[:1] in set("RVBCGMX") and not inside:
            name, rest = line.split(" ", 1)
            top[name] = rest
    return top


@pytest.mark.parametrize("name", GOLDEN)
def test_the_same_experiment_gives_the_same_bytes(name):
    again = parse_spec(format_spec(GOLDEN[name]), type(GOLDEN[name]))
    assert again is not GOLDEN[name]
    assert build_deck(again).text.encode() == build_deck(GOLDEN[name]).text.encode()


@pytest.mark.parametrize("name", GOLDEN)
def test_what_is_saved_is_what_is_read(name):
    saved = next(line for line in lines(GOLDEN[name]) if line.startswith(".save "))
    names = re.findall(r"([iv])\((\w+)\)", saved)
    assert len(names) == len(saved.split()) - 1
    read = [f"{name}#branch" if kind == "i" else name for kind, name in names]
    deck = build_deck(GOLDEN[name])
    assert (["time"] if deck.points is None else []) + read == list(deck.vectors)
    assert len(set(read)) == len(read)


@pytest.mark.parametrize("name", GOLDEN)
def test_every_saved_name_is_in_the_circuit(name):
    deck = build_deck(GOLDEN[name])
    parts = elements(GOLDEN[name])
    sources = {f"{element.lower()}#branch" for element in parts if element[0] in "VB"}
    nodes = {node for rest in parts.values() for node in rest.split()[:2]}
    assert set(deck.vectors) - {"time"} <= sources | nodes


@pytest.mark.parametrize("name", GOLDEN)
def test_lines_are_short_enough_for_people(name):
    text = build_deck(GOLDEN[name]).text
    assert text.endswith("\n.end\n")
    assert max(len(line) for line in text.splitlines()) < 160


def test_an_array_without_wires_has_a_node_for_each_line():
    assert elements(experiment(crossbar={"cell": OHMIC})) == {
        "Vindex": "index 0 0.0",
        "Vrow0": "in0 0 0.1",
        "Vrow1": "in1 0 0.2",
        "Rc0_0": f"in0 end0 {Mtj().r_p}",
        "Rc0_1": f"in0 end1 {Mtj().r_ap}",
        "Rc1_0": f"in1 end0 {Mtj().r_ap}",
        "Rc1_1": f"in1 end1 {Mtj().r_p}",
        "Vcol0": "end0 0 0.0",
        "Vcol1": "end1 0 0.0",
    }


def test_wires_and_line_ends_are_between_neighbours():
    parts = elements(experiment(crossbar=WIRES | {"cell": OHMIC}))
    assert parts["Rrow0_end"] == "in0 wl0_0 100.0"
    assert parts["Rrow0_0"] == "wl0_0 wl0_1 5.0"
    assert parts["Rcol1_0"] == "bl1_1 bl0_1 2.0"
    assert parts["Rcol1_end"] == "end1 bl1_1 50.0"
    assert parts["Vrow0"] == "in0 0 0.1"
    assert parts["Vcol1"] == "end1 0 0.0"
    assert parts["Rc1_0"].startswith("wl1_0 bl1_0 ")
    # index, 2 drivers, 2 + 2 line ends, 2 + 2 wires, 4 junctions, 2 meters
    assert len(parts) == 1 + 2 + 4 + 4 + 4 + 2


@pytest.mark.parametrize(
    ("line", "field", "names"),
    [
        ("row", "resistance", {"Rrow0_0", "Rrow1_0"}),
        ("column", "resistance", {"Rcol0_0", "Rcol1_0"}),
        ("row", "end", {"Rrow0_end", "Rrow1_end"}),
        ("column", "end", {"Rcol0_end", "Rcol1_end"}),
    ],
)
def test_a_resistance_of_zero_joins_the_nodes_and_writes_no_resistor(line, field, names):
    zero = {line: WIRES[line].replace(**{field: 0.0})}
    before, after = (elements(experiment(crossbar=WIRES | changed)) for changed in ({}, zero))
    assert set(before) - set(after) == names
    assert set(after) <= set(before)


def test_a_bias_dependent_junction_is_a_resistor_and_a_source_of_a_copy_of_its_voltage():
    parts = elements(experiment())
    law = conductance.expression("v(v0_1)", 1, Mtj().r_p, 1.0, Mtj(), beside=1 / Mtj().r_ap)
    assert parts["Rt0_1"] == f"in0 end1 {Mtj().r_ap}"
    assert parts["Bc0_1"] == f"in0 end1 I={law}"
    assert parts["Gv0_1"] == "0 v0_1 in0 end1 1.0"
    assert parts["Rv0_1"] == "v0_1 0 1.0"


@pytest.mark.parametrize(
    ("kind", "name", "rest"),
    [
        ("short", "Rc0_1", "in0 end1 75.0"),
        ("open", None, None),
        ("stuck_p", "Rc0_1", f"in0 end1 {Mtj().r_p}"),
        ("stuck_ap", "Rc0_1", f"in0 end1 {Mtj().r_ap}"),
        ("weak", "Rc0_1", f"in0 end1 {0.25 * Mtj().r_ap}"),
    ],
)
def test_a_defect_replaces_its_junction_alone(kind, name, rest):
    defects = (Defect(kind=kind, row=0, column=1),)
    die = Die(defects=defects, short_resistance=75.0, weak_factor=0.25)
    bad, good = (elements(experiment(crossbar={"cell": OHMIC}, **p)) for p in ({"die": die}, {}))
    assert bad.pop(name, None) == rest
    good.pop("Rc0_1")
    assert bad == good


@pytest.mark.parametrize(
    ("unselected", "row", "column"),
    [("grounded", "in1 0 0.0", "end0 0 0.0"), ("half", "in1 0 0.05", "end0 0 0.05")],
)
def test_unselected_lines_are_held(unselected, row, column):
    parts = elements(experiment(volts=[[0.1]], crossbar={"unselected": unselected}, stimulus=SOME))
    assert parts["Vrow1"] == row
    assert parts["Vcol0"] == column
    assert parts["Vrow0"] == "in0 0 0.1"
    assert parts["Vcol1"] == "end1 0 0.0"


def test_floating_lines_are_held_by_nothing():
    made = experiment(volts=[[0.1]], crossbar={"unselected": "floating"}, stimulus=SOME)
    assert not {"Vrow1", "Brow1", "Vcol0"} & set(elements(made))
    deck = build_deck(made)
    assert set(deck.row_currents) == {0}
    assert set(deck.column_currents) == {1}


def test_half_is_half_of_the_read_voltage_above_the_reference():
    made = experiment(
        volts=[[0.1]],
        crossbar={"unselected": "half"},
        stimulus=SOME | {"read_voltage": 0.3},
        periphery=TransimpedanceAmplifier(reference=1.0),
    )
    assert elements(made)["Vrow1"] == "in1 0 1.15"


def cut_off(crossbar, **parts):
    """An array with a row that nothing drives and whose junctions are open."""
    return experiment(
        volts=[[0.1]],
        crossbar=crossbar | {"unselected": "floating"},
        stimulus={"driven_rows": (0,)},
        die=Die(defects=tuple(Defect(kind="open", row=1, column=c) for c in (0, 1))),
        **parts,
    )


@pytest.mark.parametrize("analysis", [DcRead(), TransientRead()], ids=["at rest", "in time"])
@pytest.mark.parametrize("resistance", [5.0, 0.0])
def test_a_line_that_is_cut_off_is_left_out_and_the_netlist_says_so(resistance, analysis):
    wire = Line(resistance=resistance, capacitance=1e-15, end=resistance)
    deck = build_deck(cut_off({"row": wire}, analysis=analysis))
    said = [line for line in deck.text.splitlines() if line.startswith("* left out")]
    if resistance == 0 and analysis.kind == "dc":
        assert deck.dropped == ()  # there is no element on it
        assert not said
        return
    assert deck.dropped == (("in1", "wl1_0", "wl1_1") if resistance else ("in1",))
    (line,) = said
    assert line.endswith(": " + " ".join(deck.dropped))
    drawn = deck.text.replace(line, "")
    assert not any(re.search(rf"\b{node}\b", drawn) for node in deck.dropped)


def test_many_nodes_that_are_left_out_are_said_in_lines_that_people_read():
    wire = {"row": ROW, "column": COLUMN}
    dead = Defect(kind="dead_row", row=0)
    gone = tuple(Defect(kind="open", row=0, column=c) for c in range(40))
    made = experiment(["P" * 40], [[0.1]], crossbar=wire, die=Die(defects=(dead, *gone)))
    deck = build_deck(made)
    said = deck.text[deck.text.index("* left out") :]
    comments = [line for line in said.splitlines() if line.startswith("*")]
    assert len(comments) > 3
    assert max(map(len, comments)) <= MAX_LINE
    assert set(deck.dropped) == {f"wl0_{c}" for c in range(40)}
    assert set(deck.dropped) <= set(" ".join(comments).split())


def test_transistors_on_nodes_that_are_left_out_have_no_name():
    dead = Defect(kind="dead_column", column=1)
    gone = tuple(Defect(kind="open", row=r, column=1) for r in (0, 1))
    made = experiment(crossbar=WIRES | {"cell": GatedCell()}, die=Die(defects=(dead, *gone)))
    deck = build_deck(made)
    assert deck.transistors == ("mn0_0", "", "mn1_0", "")
    assert set(deck.dropped) == {"sl0_1", "sl1_1", "x0_1", "x1_1"}


@pytest.mark.parametrize("crossbar", [WIRES, {}], ids=["wires", "no wires"])
def test_a_line_that_is_cut_off_and_observed_is_refused_with_its_nodes(crossbar):
    with pytest.raises(InputError, match=r"no path to ground.*crossbar.unselected") as caught:
        build_deck(cut_off(crossbar, observe="cells"))
    assert caught.value.key == ("wl1_0, wl1_1" if crossbar else "in1")


def test_one_vector_is_a_sweep_of_one_point():
    made = experiment(volts=[[0.1, 0.2]])
    assert ".dc Vindex 0 0 1" in lines(made)
    assert build_deck(made).points == 1


def test_the_vectors_are_points_of_the_sweep():
    made = experiment(volts=[[0.1, 0.2], [0.3, 0.2], [-0.1, 0.2]])
    parts = elements(made)
    assert ".dc Vindex 0 2 1" in lines(made)
    assert parts["Brow0"] == "in0 0 V=pwl(v(index), 0,0.1, 1,0.3, 2,-0.1)"
    assert parts["Vrow1"] == "in1 0 0.2"
    deck = build_deck(made)
    assert deck.points == 3
    assert deck.row_currents == {0: "brow0#branch", 1: "vrow1#branch"}


def test_entries_of_a_vector_drive_the_rows_that_are_named():
    parts = elements(experiment(stimulus={"driven_rows": (1, 0)}))
    assert parts["Vrow1"] == "in1 0 0.1"
    assert parts["Vrow0"] == "in0 0 0.2"


def test_an_amplifier_is_a_resistance_a_meter_and_a_clipped_source():
    made = experiment(
        crossbar={"cell": OHMIC},
        periphery=TransimpedanceAmplifier(
            reference=1.5, gain=2e3, input_resistance=10.0, zero=1.6, clip_low=0.0, clip_high=3.3
        ),
    )
    parts = elements(made)
    assert parts["Ramp1"] == "end1 vg1 10.0"
    assert parts["Vcol1"] == "vg1 0 1.5"
    assert parts["Bamp1"] == "out1 0 V=min(max(1.6-2000.0*i(Vcol1),0.0),3.3)"
    assert parts["Vrow0"] == "in0 0 1.6"
    assert build_deck(made).output_volts == {0: "out0", 1: "out1"}


def test_an_amplifier_without_input_resistance_has_no_resistor():
    parts = elements(experiment(periphery=TransimpedanceAmplifier()))
    assert "Ramp0" not in parts
    assert parts["Vcol0"] == "end0 0 0.0"


def test_only_sensed_columns_have_an_amplifier():
    made = experiment(volts=[[0.1]], stimulus=SOME, periphery=TransimpedanceAmplifier())
    assert "Bamp1" in elements(made)
    assert "Bamp0" not in elements(made)


def test_cells_are_saved_only_when_they_are_observed():
    assert build_deck(experiment()).word_volts == ()
    deck = build_deck(experiment(crossbar=WIRES, observe="cells"))
    assert deck.word_volts == (("wl0_0", "wl0_1"), ("wl1_0", "wl1_1"))
    assert deck.bit_volts == (("bl0_0", "bl0_1"), ("bl1_0", "bl1_1"))


def test_the_text_names_the_experiment():
    assert experiment().key() in build_deck(experiment()).text
