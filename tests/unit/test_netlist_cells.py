"""Which nodes cells, gates and lines have; what is wrong with lines; what counts in time only."""

import pytest
from unit.builders import OHMIC, experiment
from unit.test_netlist_deck import elements, lines

from mtjspice.errors import InputError
from mtjspice.netlist import build_deck
from mtjspice.spec import (
    Defect,
    Die,
    GatedCell,
    Line,
    ProgrammedTile,
    SenseAmplifier,
    TransientRead,
    TransmissionGateCell,
    VirtualGround,
)

STATES, VOLTS = ["PAP", "APA"], [[0.1, 0.2]]
WIRE = Line(resistance=5.0)
SIZE = "nmos_33 w=2e-06 l=3.5e-07"


def made(crossbar=None, states=STATES, **parts):
    """Two rows and three columns of ohmic junctions, unless said otherwise."""
    return experiment(states, VOLTS, crossbar={"cell": OHMIC} | (crossbar or {}), **parts)


def broken(*defects, crossbar=None, **parts):
    """The netlist of an array with wires and defects."""
    wires = {"row": WIRE, "column": WIRE}
    return elements(made(wires | (crossbar or {}), die=Die(defects=defects, **parts)))


def test_a_gated_cell_is_a_junction_and_an_nmos_to_the_source_line():
    parts = elements(made({"cell": GatedCell(), "row": WIRE, "column": WIRE}))
    assert parts["Bc0_1"].startswith("bl0_1 x0_1 I=")
    assert parts["Mn0_1"] == f"x0_1 wlon sl0_1 bulk {SIZE}"
    assert parts["Vbulk"] == "bulk 0 0.0"
    assert "Vwell" not in parts


def test_a_transmission_gate_has_a_pmos_beside_the_nmos():
    parts = elements(made({"cell": TransmissionGateCell(gate_volts=3.0), "row": WIRE}))
    assert parts["Bc0_1"].startswith("bl0_1 x0_1 I=")
    assert parts["Mn0_1"] == f"x0_1 wlon end1 bulk {SIZE}"
    assert parts["Mp0_1"] == "x0_1 wlbon end1 well pmos_33 w=4e-06 l=3.5e-07"
    assert parts["Vbulk"] == "bulk 0 0.0"
    assert parts["Vwell"] == "well 0 3.0"


SOME = {"driven_rows": (0,), "sensed_columns": (2, 1)}


def selected(gates: str, **parts) -> dict[str, str]:
    """The netlist of two rows and three columns, of which one row and two columns are selected."""
    cell = TransmissionGateCell(gate_volts=3.0, gates=gates)
    made = experiment(STATES, [[0.1]], crossbar={"cell": cell}, stimulus=SOME, **parts)
    return elements(made)


@pytest.mark.parametrize(
    ("gates", "on"), [("column", {0: False, 1: True, 2: True}), ("row", {0: True, 1: False})]
)
def test_gates_of_selected_lines_are_on(gates, on):
    timed = selected(gates, analysis=TransientRead())
    for k, high in on.items():
        assert timed[f"Vwlin{k}"] == f"wlin{k} 0 {3.0 if high else 0.0}"
        assert timed[f"Vwlbin{k}"] == f"wlbin{k} 0 {0.0 if high else 3.0}"
    assert len([name for name in timed if name.startswith("Vwl")]) == 2 * len(on)


@pytest.mark.parametrize("gates", ["column", "row"])
def test_at_rest_gates_that_are_on_are_one_node_and_those_that_are_off_another(gates):
    parts = selected(gates)
    sources = {name: rest for name, rest in parts.items() if name.startswith("Vwl")}
    assert sources == {
        "Vwlon": "wlon 0 3.0",
        "Vwloff": "wloff 0 0.0",
        "Vwlbon": "wlbon 0 0.0",
        "Vwlboff": "wlboff 0 3.0",
    }
    # Row 0 is driven, columns 1 and 2 are sensed.
    on = {"column": {"0_1", "0_2", "1_1", "1_2"}, "row": {"0_0", "0_1", "0_2"}}[gates]
    gate = {name[2:]: rest.split()[1] for name, rest in parts.items() if name.startswith("Mn")}
    assert {cell for cell, node in gate.items() if node == "wlon"} == on
    assert set(gate.values()) == {"wlon", "wloff"}


@pytest.mark.parametrize(("gates", "gate"), [("column", "wlin2"), ("row", "wlin1")])
def test_gate_lines_run_along_columns_or_rows(gates, gate):
    parts = elements(made({"cell": GatedCell(gates=gates)}, analysis=TransientRead()))
    assert parts["Mn1_2"].split()[1] == gate


def test_a_gate_line_is_one_node_at_rest_and_has_wires_in_time():
    crossbar = {"cell": GatedCell(), "gate": Line(resistance=10.0, capacitance=1e-15, end=50.0)}
    rest = elements(made(crossbar))
    assert not [name for name in rest if name.startswith(("Rwl", "C"))]
    timed = elements(made(crossbar, analysis=TransientRead()))
    assert timed["Rwl1_end"] == "wlin1 wl0_1 50.0"
    assert timed["Rwl1_0"] == "wl0_1 wl1_1 10.0"
    assert timed["Cwl1_1"] == "wl1_1 0 1e-15"
    assert timed["Mn1_1"].split()[1] == "wl1_1"


def test_capacitances_count_in_time_only():
    loaded = {name: Line(resistance=5.0, capacitance=2e-15) for name in ("row", "column")}
    assert elements(made(loaded)) == elements(made({"row": WIRE, "column": WIRE}))
    parts = elements(made(loaded, analysis=TransientRead()))
    assert parts["Crow0_0"] == "in0 0 2e-15"
    assert parts["Crow0_2"] == "wl0_2 0 2e-15"
    # Counted from the read-out, as the wires are.
    assert parts["Ccol1_0"] == "end1 0 2e-15"
    assert parts["Ccol1_1"] == "bl0_1 0 2e-15"
    assert len([name for name in parts if name.startswith("C")]) == 2 * 3 * 2


def test_an_analysis_in_time_has_its_length_and_no_sweep():
    text = lines(made(analysis=TransientRead(period="20ns", step="0.1ns")))
    assert ".tran 1e-10 2e-08 0 1e-10" in text
    assert not [line for line in text if line.startswith((".dc", "Vindex"))]


def test_a_driver_pulses_once_a_period_from_the_reference():
    one = made(analysis=TransientRead(), periphery=VirtualGround(reference=0.5))
    two = one.replace(stimulus=one.stimulus.replace(volts=[[0.1, 0.2], [-0.1, 0.0]]))
    points = elements(two)["Vrow0"].partition("pwl( ")[2].removesuffix(" )").split()
    numbers = [float(p) for p in points]
    # Rise 0.1 ns, hold 8 ns, period 10 ns.
    assert numbers[::2] == pytest.approx(
        [0, 0.1e-9, 8e-9, 8.1e-9, 10e-9, 10.1e-9, 18e-9, 18.1e-9, 20e-9], abs=1e-18
    )
    assert numbers[1::2] == pytest.approx([0.5, 0.6, 0.6, 0.5, 0.5, 0.4, 0.4, 0.5, 0.5])


def test_both_ends_of_a_line_are_one_node_without_end_resistance():
    parts = elements(made({"row": WIRE.replace(ends="both"), "column": WIRE.replace(ends="both")}))
    assert parts["Rrow0_0"] == "in0 wl0_1 5.0"
    assert parts["Rrow0_1"] == "wl0_1 in0 5.0"
    assert parts["Rc0_2"].startswith("in0 end2 ")
    # Two cells, both at an end: the wire between them has both ends at one node and is none.
    assert not [name for name in parts if name.startswith("Rcol")]


def test_each_end_of_a_line_has_its_own_resistance():
    both = Line(resistance=5.0, end=100.0, ends="both")
    parts = elements(made({"row": both, "column": both}))
    assert parts["Rrow0_end"] == "in0 wl0_0 100.0"
    assert parts["Rrow0_far"] == "in0 wl0_2 100.0"
    assert parts["Rcol1_end"] == "end1 bl1_1 100.0"
    assert parts["Rcol1_far"] == "end1 bl0_1 100.0"


def test_vias_lie_between_line_and_cell():
    parts = elements(made({"row": Line(via=3.0), "column": Line(resistance=5.0, via=4.0)}))
    assert parts["Rrowvia0_1"] == "in0 rv0_1 3.0"
    assert parts["Rcolvia0_1"] == "cv0_1 bl0_1 4.0"
    assert parts["Rc0_1"].startswith("rv0_1 cv0_1 ")


def test_the_voltage_of_a_cell_is_that_between_its_lines():
    deck = build_deck(made({"row": Line(via=3.0)}, observe="cells"))
    assert deck.word_volts[0] == ("in0", "in0", "in0")
    assert deck.bit_volts[0] == ("end0", "end1", "end2")


@pytest.mark.parametrize("ends", ["one", "both"])
def test_a_dead_row_is_cut_off_from_its_driver(ends):
    line = {"row": Line(resistance=5.0, end=9.0, ends=ends)}
    parts = broken(Defect(kind="dead_row", row=1), crossbar=line)
    assert parts["Vrow1"].startswith("in1 0 ")
    assert [name for name, rest in parts.items() if "in1" in rest.split()] == ["Vrow1"]
    assert parts["Rrow1_0"] == "wl1_0 wl1_1 5.0"
    assert parts["Rrow0_end"] == "in0 wl0_0 9.0"


def test_a_dead_column_is_cut_off_from_its_readout():
    parts = broken(Defect(kind="dead_column", column=2))
    assert [name for name, rest in parts.items() if "end2" in rest.split()] == ["Vcol2"]
    assert parts["Rcol2_0"] == "bl1_2 bl0_2 5.0"


def test_a_dead_row_without_wires_is_one_node():
    parts = elements(made(die=Die(defects=(Defect(kind="dead_row", row=1),))))
    assert parts["Rc1_2"].startswith("wl1 end2 ")


def test_a_dead_row_whose_junctions_are_open_is_left_out():
    cut = [Defect(kind="open", row=1, column=c) for c in range(3)]
    parts, whole = broken(Defect(kind="dead_row", row=1), *cut), broken()
    assert whole.keys() - parts.keys() == {"Rrow1_0", "Rrow1_1", "Rc1_0", "Rc1_1", "Rc1_2"}
    assert all(parts[name] == whole[name] for name in parts)


def test_bridges_join_neighbouring_lines_at_their_cell():
    rows = Defect(kind="bridged_rows", row=0, column=1)
    columns = Defect(kind="bridged_columns", row=1, column=1)
    good, bad = broken(), broken(rows, columns, bridge_resistance=70.0)
    assert bad.pop("Rrowbridge0_1") == "wl0_1 wl1_1 70.0"
    # The last row of a column without end resistance is the read-out itself.
    assert bad.pop("Rcolbridge1_1") == "end1 end2 70.0"
    assert bad == good


@pytest.mark.parametrize(
    "defect",
    [
        Defect(kind="dead_row", row=1),
        Defect(kind="dead_column", column=2),
        Defect(kind="bridged_rows", row=0, column=1),
        Defect(kind="bridged_columns", row=1, column=0),
        Defect(kind="short", row=1, column=1),
        Defect(kind="open", row=0, column=2),
        Defect(kind="stuck_p", row=0, column=1),
        Defect(kind="stuck_ap", row=0, column=0),
    ],
    ids=lambda defect: defect.kind,
)
@pytest.mark.parametrize("index", [0, 1, 2])
def test_defects_of_another_tile_do_not_reach_a_tiles_netlist(index, defect):
    def drawn(*defects):
        wires = made({"row": WIRE, "column": WIRE}, die=Die(defects=defects))
        return elements(wires.replace(tile=ProgrammedTile(states=STATES, index=index)))

    others = [defect.replace(tile=tile) for tile in range(4) if tile != index]
    assert drawn(*others) == drawn()
    assert drawn(*others, defect.replace(tile=index)) != drawn()


def test_at_rest_a_sense_amplifier_is_its_load():
    parts = elements(made(periphery=SenseAmplifier(load="2k", reference=0.1)))
    assert parts["Rload1"] == "end1 vg1 2000.0"
    assert parts["Vcol1"] == "vg1 0 0.1"
    assert not [name for name in parts if name.startswith("X")]
    assert build_deck(made(periphery=SenseAmplifier())).sense_volts == {
        0: "end0", 1: "end1", 2: "end2",
    }  # fmt: skip


def test_in_time_every_sensed_column_has_a_latch():
    one = experiment(
        STATES, VOLTS, crossbar={"cell": OHMIC}, stimulus={"sensed_columns": (2,)},
        periphery=SenseAmplifier(supply=1.1), analysis=TransientRead(),
    )  # fmt: skip
    parts = elements(one)
    assert parts["Xlatch2"] == "end2 threshold2 clock latchp2 latchn2 vdd2 0 sense_strongarm"
    assert parts["Vvdd2"] == "vdd2 0 1.1"
    assert "Xlatch0" not in parts
    assert build_deck(one).latch_volts == {2: ("latchp2", "latchn2")}


def test_a_card_without_the_latchs_models_is_refused():
    one = made(periphery=SenseAmplifier(card="cmos33_bsim4"), analysis=TransientRead())
    with pytest.raises(InputError, match=r"[np]mos_12"):
        build_deck(one)
