import pytest

from mtjspice.errors import InputError
from mtjspice.netlist.check import well_defined
from mtjspice.netlist.dialect import MAX_LINE, fold
from mtjspice.netlist.elements import (
    BehaviouralCurrent,
    BehaviouralVoltage,
    Capacitor,
    Mosfet,
    Resistor,
    Subcircuit,
    Transconductance,
    VoltageSource,
)
from mtjspice.netlist.spice_dialect import element_line

SOURCE = VoltageSource("a", "n", "0", 1.0)


@pytest.mark.parametrize(
    ("element", "line"),
    [
        (Resistor("x", "a", "b", 5.0), "Rx a b 5.0"),
        (VoltageSource("x", "a", "0", -0.1), "Vx a 0 -0.1"),
        (BehaviouralVoltage("x", "a", "0", "2*v(b)"), "Bx a 0 V=2*v(b)"),
        (
            VoltageSource("x", "a", "0", 0.0, ((0.0, 0.0), (1e-9, 0.1))),
            "Vx a 0 0.0 pwl( 0.0 0.0 1e-09 0.1 )",
        ),
        (Capacitor("x", "a", "0", 1e-15), "Cx a 0 1e-15"),
        (Transconductance("x", "a", "b", "c", "d", 1.0), "Gx a b c d 1.0"),
        (Mosfet("x", "d", "g", "s", "b", "nch", 1e-6, 1e-7), "Mx d g s b nch w=1e-06 l=1e-07"),
        (
            Mosfet("x", "d", "g", "s", "b", "nch", 1e-6, 1e-7, 0.01),
            "Mx d g s b nch w=1e-06 l=1e-07 delvto=0.01",
        ),
        (Subcircuit("x", ("a", "b", "0"), "latch"), "Xx a b 0 latch"),
        (BehaviouralCurrent("x", "a", "b", "1e-3*v(a,b)"), "Bx a b I=1e-3*v(a,b)"),
    ],
)
def test_elements_write_their_netlist_line(element, line):
    assert element_line(element) == line


def test_a_short_line_is_not_folded():
    assert fold("R1 a b 5.0") == "R1 a b 5.0"


def test_a_long_line_is_folded_at_blanks_and_unfolds_to_itself():
    line = " ".join(f"i(vrow{i})" for i in range(60))
    folded = fold(line).split("\n")
    assert len(folded) > 3
    assert max(map(len, folded)) <= MAX_LINE
    assert all(part.startswith("+ ") for part in folded[1:])
    assert " ".join([folded[0], *(part.removeprefix("+ ") for part in folded[1:])]) == line


def test_a_long_expression_without_blanks_stays_whole():
    law = "1+" * 80 + "1"
    assert fold(f"B1 a b I={law}").split("\n")[-1] == f"+ I={law}"


def test_a_sound_circuit_stays_as_it_is():
    sound = [SOURCE, Resistor("b", "n", "m", 1.0), BehaviouralCurrent("c", "m", "0", "0")]
    assert well_defined(sound, ["m"]) == (tuple(sound), ())


ISLAND = [Resistor("b", "x", "y", 1.0), Resistor("c", "y", "z", 1.0)]


def test_nodes_that_nothing_holds_and_nobody_reads_are_left_out_with_their_elements():
    copied = [
        Transconductance("v", "0", "vx", "x", "z", 1.0),
        Resistor("v", "vx", "0", 1.0),
        BehaviouralCurrent("d", "x", "z", "1e-3*v(vx)"),
    ]
    around = [Capacitor("x", "x", "0", 1e-15), Mosfet("m", "y", "n", "z", "n", "nch", 1e-6, 1e-7)]
    kept, dropped = well_defined([SOURCE, *ISLAND, *around, *copied], ["n"])
    assert kept == (SOURCE,)
    assert dropped == ("x", "y", "z", "vx")


@pytest.mark.parametrize("read", ["x", "y", "z", "never drawn"])
def test_a_floating_node_that_is_read_is_refused_by_name(read):
    with pytest.raises(InputError, match="1 nodes that are read have no path to ground") as caught:
        well_defined([SOURCE, *ISLAND], [read])
    assert caught.value.key == read


def test_of_many_floating_nodes_some_are_named():
    islands = [Resistor(str(i), f"x{i}", f"y{i}", 1.0) for i in range(20)]
    with pytest.raises(InputError, match="20 nodes") as caught:
        well_defined([SOURCE, *islands], [f"x{i}" for i in range(20)])
    assert caught.value.key.endswith("…")


@pytest.mark.parametrize(
    "element",
    [
        Capacitor("d", "x", "n", 1e-15),
        Mosfet("m", "n", "x", "0", "0", "nch", 1e-6, 1e-7),
        Transconductance("g", "n", "0", "0", "x", 1.0),
        VoltageSource("b", "x", "z", 1.0),
        BehaviouralVoltage("b", "x", "z", "1"),
    ],
    ids=["capacitor", "gate", "transconductance", "source", "behavioural source"],
)
def test_a_floating_node_that_something_depends_on_is_refused(element):
    with pytest.raises(InputError, match="no path to ground"):
        well_defined([SOURCE, Resistor("l", "n", "0", 1.0), *ISLAND, element], ["n"])


@pytest.mark.parametrize("ohms", [0.0, -1.0])
def test_a_resistance_that_is_not_positive_is_refused(ohms):
    with pytest.raises(InputError, match="must be above 0 Ω") as caught:
        well_defined([SOURCE, Resistor("b", "n", "0", ohms)])
    assert caught.value.key == "rb"


def test_a_name_that_is_used_twice_is_refused():
    # ngspice does not tell capitals from small letters.
    with pytest.raises(InputError, match="is used twice"):
        well_defined([SOURCE, Resistor("c", "n", "0", 1.0), Resistor("C", "n", "0", 1.0)])


def test_one_name_may_serve_elements_of_different_kinds():
    well_defined([VoltageSource("a", "n", "0", 1.0), Resistor("a", "n", "0", 1.0)])


def test_a_behavioural_source_that_is_short_circuited_is_refused():
    with pytest.raises(InputError, match="both ends at one node"):
        well_defined([SOURCE, BehaviouralVoltage("b", "n", "n", "1")])


@pytest.mark.parametrize(
    "element",
    [
        Capacitor("c", "m", "0", 1e-15),
        Transconductance("g", "m", "0", "n", "0", 1.0),
        Mosfet("m", "m", "n", "x", "n", "nch", 1e-6, 1e-7),
    ],
    ids=["capacitor", "transconductance", "channel to a floating node"],
)
def test_what_holds_no_voltage_at_rest_is_no_path_to_ground(element):
    with pytest.raises(InputError, match="no path to ground"):
        well_defined([SOURCE, element, Resistor("b", "m", "o", 1.0)], ["o"])


def test_a_subcircuit_holds_its_pins():
    latch = Subcircuit("l", ("p", "0"), "latch")
    loaded = [SOURCE, latch, Capacitor("p", "p", "0", 1e-15)]
    assert well_defined(loaded, ["p"]) == (tuple(loaded), ())
