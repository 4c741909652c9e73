"""Every number of every spec has a range with a reason; outside is refused, the rare is said."""

import math
import typing
from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from unit.builders import DESIGN, EXPERIMENT, STUDY, experiment

from mtjspice import spec as specs
from mtjspice.errors import InputError
from mtjspice.netlist.golden import golden_experiments
from mtjspice.reproduce.borders2024.spec import Borders
from mtjspice.reproduce.goodwill2022.spec import Goodwill
from mtjspice.spec import (
    Calibration,
    Crossbar,
    Defect,
    DefectRates,
    Die,
    DieDesign,
    Experiment,
    Layout,
    Line,
    Mtj,
    PassiveCell,
    SignOff,
    Stimulus,
    Study,
    TrainingStudy,
    TransientRead,
    WireGeometry,
    parse_spec,
    read_spec,
    unusual,
)
from mtjspice.spec.base import LEAST_OHMS, Spec
from mtjspice.spec.layout import Corners, DefectLimits, Timing
from mtjspice.spec.ranges import Whole, Within

TOPS = (Borders, Calibration, DieDesign, Experiment, Goodwill, Layout, SignOff, Study,
        TrainingStudy)  # fmt: skip
BARE = 'name = "small"\n[crossbar]\nrows = 4\ncolumns = 3\n'


def parts_of(annotation) -> list:
    """An annotation with all that stands inside it."""
    inner = [*typing.get_args(annotation), *getattr(annotation, "__metadata__", ())]
    return [annotation, *(part for one in inner for part in parts_of(one))]


def kinds_below(kind: type[Spec]) -> set[type[Spec]]:
    found = {kind}
    for field in kind.model_fields.values():
        for part in parts_of(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in found:
                found |= kinds_below(part)
    return found


def numbers() -> list[tuple[type[Spec], str, Within | Whole | None]]:
    """(spec, field, range) of every field that is a number, or a list of some."""
    found = []
    for kind in sorted(set().union(*map(kinds_below, TOPS)), key=lambda kind: kind.__name__):
        for name, field in kind.model_fields.items():
            parts = [*field.metadata, *parts_of(field.annotation)]
            if any(part is int or part is float for part in parts):
                bounds = next((one for one in parts if isinstance(one, Within | Whole)), None)
                found.append((kind, name, bounds))
    return found


NUMBERS = numbers()
RANGES = sorted({bounds for *_, bounds in NUMBERS if bounds}, key=repr)


def test_the_walk_finds_the_fields_of_all_specs():
    assert {kind.__name__ for kind, *_ in NUMBERS} >= {
        "Mtj", "Line", "Die", "Converter", "Reading", "Writing", "FreeLayer", "Training", "Sweeps",
        "DefectRates", "Plan", "SignOff", "Stimulus", "TransientRead", "LayoutLimits",
    }  # fmt: skip
    assert len(NUMBERS) > 150


@pytest.mark.parametrize(
    ("kind", "name", "bounds"),
    [pytest.param(*one, id=f"{one[0].__name__}.{one[1]}") for one in NUMBERS],
)
def test_every_number_has_a_range_with_a_reason(kind, name, bounds):
    assert bounds is not None, f"{kind.__name__}.{name} may be any number"
    assert math.isfinite(bounds.low)
    assert math.isfinite(bounds.high)
    assert len(bounds.why) > 10
    assert bounds.why in bounds.says()


@pytest.mark.parametrize("bounds", [b for b in RANGES if isinstance(b, Within)], ids=repr)
def test_a_quantity_is_taken_up_to_both_ends_and_not_beyond(bounds):
    read = TypeAdapter(typing.Annotated[float, bounds]).validate_python

    def given(value: float) -> float | str:
        return f"{value!r} {bounds.unit}" if bounds.named else value

    for end in (bounds.low, bounds.high):
        assert read(given(end)) == end
    beyond = [math.nextafter(bounds.high, math.inf), bounds.high * 2 + 1, 1e300, -math.inf,
              math.nextafter(bounds.low, -math.inf), -1e300]  # fmt: skip
    for value in [value for value in beyond if value != 0 or not bounds.zero]:
        with pytest.raises(ValidationError) as caught:
            read(given(value) if math.isfinite(value) else value)
        assert bounds.named or bounds.says() in str(caught.value)
    if not bounds.named:
        assert bounds.zero is False or read(0) == 0
        for value in (math.nan, 10**400, True, False, "true", None, [bounds.low], {}):
            with pytest.raises(ValidationError):
                read(value)
        if bounds.endless:
            assert read(math.inf) == math.inf
        else:
            with pytest.raises(ValidationError):
                read(math.inf)


@pytest.mark.parametrize("bounds", [b for b in RANGES if isinstance(b, Whole)], ids=repr)
def test_a_count_is_a_whole_number_up_to_both_ends(bounds):
    read = TypeAdapter(typing.Annotated[int, bounds]).validate_python
    for end in (bounds.low, bounds.high):
        assert read(end) == end
    for value in (bounds.low - 1, bounds.high + 1, 10**400, True, 1.0, "1", None, math.nan):
        with pytest.raises(ValidationError, match="must be a whole number from"):
            read(value)


def test_counts_of_a_thousand_millions_are_refused_everywhere():
    """But for seeds, numbers of solutions and bytes, which count nothing."""
    free = {"seed", "die_seed", "only", "memory", "file_size"}
    counts = [one for one in NUMBERS if isinstance(one[2], Whole) and one[1] not in free]
    assert [one for one in counts if one[2].high >= 10**9] == []


def refused(text: str, kind: type[Spec] = Study) -> str:
    with pytest.raises(InputError) as caught:
        parse_spec(text, kind, source="spec.toml")
    assert caught.value.exit_code == 2
    return str(caught.value)


MTJ = "[crossbar.cell.mtj]\n"
GATED = "[crossbar.cell]\nkind = 'gated'\n"


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (STUDY + MTJ + "tmr0 = 150", Study, ("tmr0 = 150", "from 0.001 to 10", "'150%'")),
        (STUDY + MTJ + "tmr0 = 1e30", Study, ("tmr0 = 1e+30",)),
        (STUDY + MTJ + "diameter = '50um'", Study,
         ("crossbar.cell.mtj.diameter = '50um'", "from 5 nm (5e-09) to 10 µm (1e-05)")),
        (STUDY + MTJ + "ra = 10", Study, ("ra = 10", "0.1 Ω·µm² (1e-13) to 1e+06 Ω·µm² (1e-06)")),
        (STUDY.replace("[readout]", "[readout]\nread_voltage = 100"), Study,
         ("readout.read_voltage = 100", "1 µV (1e-06) to 5 V", "break at 1 to 3 V")),
        (EXPERIMENT.replace("0.2", "1e9"), Experiment, ("stimulus.volts", "[0][1] is 1e+09 V")),
        (STUDY + GATED + "gate_volts = 1e6", Study, ("gate_volts = 1000000.0", "to 20 V")),
        (STUDY + "[die]\nshort_resistance = 1e9", Study, ("short_resistance", "to 1 MΩ")),
        (STUDY + "[die]\nweak_factor = 0", Study,
         ("spec.toml: die.weak_factor = 0", "must be from 0.01 to 100", "is a short")),
        (STUDY + "[die]\nweak_factor = '50 Ohm'", Study, ("die.weak_factor = '50 Ohm'",)),
        (BARE + "[defects.rates]\nweak = 1.5", Layout, ("defects.rates.weak = 1.5", "0 to 1")),
        (STUDY + "[die]\nmismatch = 1e9", Study, ("die.mismatch", "from 0 to 20")),
        ("reltol = 1e-300\n" + EXPERIMENT, Experiment, ("reltol = 1e-300", "1e-12 to 0.001")),
        (EXPERIMENT.replace("5 Ohm", "5F"), Experiment, ("resistance = '5F'", "else farad")),
        (EXPERIMENT.replace("5 Ohm", "1uOhm"), Experiment, ("'1uOhm'", "0 or from 10 mΩ",
                                                          "0 joins the nodes")),
        (STUDY + "[die]\nshort_resistance = 1e-9", Study, ("short_resistance", "from 10 mΩ")),
        (EXPERIMENT + "[analysis]\nkind = 'transient'\nstep = 1e-18", Experiment,
         ("analysis.step = 1e-18", "from 1 fs (1e-15) to 1 s")),
        (EXPERIMENT + "[analysis]\nkind = 'transient'\nperiod = 1e300", Experiment,
         ("analysis.period = 1e+300", "to 1 s")),
        (STUDY.replace("rows = 15", "rows = 1000000000"), Study, ("rows = 1000000000", "4096")),
        (DESIGN.replace("tiles = 2", "tiles = 1000000000"), DieDesign, ("tiles", "65536")),
        (DESIGN.replace("vectors = 3", "vectors = 1000000000"), DieDesign, ("vectors",)),
        (STUDY.replace("epochs = 2", "epochs = 1000000000"), Study, ("network.epochs",)),
        (STUDY.replace("restarts = 1", "restarts = 1000000000"), Study, ("network.restarts",)),
        (BARE + "[plan]\nsizes = [1000000000]", Calibration, ("plan.sizes.0",)),
        (BARE + "[defects.rates]\ndead_lines = 1e9", Layout, ("defects.rates.dead_lines",)),
        (BARE + "[technology]\ntemperature = '500 K'", Layout, ("'500 K'", "from -55 °C to 150")),
    ],
)  # fmt: skip
def test_what_is_silly_is_refused_with_the_range(text, kind, words):
    message = refused(text, kind)
    for word in ("spec.toml", *words):
        assert word in message


def test_a_temperature_may_be_in_kelvin():
    found = parse_spec(BARE + "[technology]\ntemperature = '300 K'\n", Layout)
    assert found.technology.temperature == 26.85


def test_a_spread_may_be_in_per_cent():
    found = parse_spec(STUDY + "[die]\nsigma_ln_rp = '5%'\n" + MTJ + "tmr0 = '150 %'\n", Study)
    assert (found.die.sigma_ln_rp, found.crossbar.cell.mtj.tmr0) == (0.05, 1.5)


# Across fields


def test_a_whole_line_has_a_largest_resistance():
    Crossbar(rows=4, columns=4096, row=Line(resistance=1e5))
    with pytest.raises(ValidationError, match=r"row\.end and the wires of 4096 cells make"):
        Crossbar(rows=4, columns=4096, row=Line(resistance=1e5, end=1e9))
    with pytest.raises(ValidationError, match=r"column\.end and the wires of 4 cells make"):
        Crossbar(rows=4, columns=4096, column=Line(resistance=1e5, end=1e9))


SHORT = (Defect(kind="short", row=0, column=0),)


@pytest.mark.parametrize("mtj", [Mtj(diameter=3e-7), Mtj(ra=2e-13)])
def test_a_short_conducts_better_than_a_junction(mtj):
    cell = PassiveCell(mtj=mtj)
    assert experiment(crossbar={"cell": cell}).die.short_resistance > mtj.r_p / 2
    shorted = Die(defects=SHORT, short_resistance=mtj.r_p)
    with pytest.raises(ValidationError, match=r"die\.short_resistance .* must be below"):
        experiment(crossbar={"cell": cell}, die=shorted)
    experiment(crossbar={"cell": cell}, die=shorted.replace(short_resistance=mtj.r_p * 0.99))


@pytest.mark.parametrize("kind", [Study, DieDesign, Calibration, Layout])
def test_shorts_that_are_drawn_conduct_better_than_a_junction(kind):
    parts = {
        "name": "n",
        "crossbar": Crossbar(rows=2, columns=2),
        "die": Die(short_resistance=1e6, defects=SHORT if kind in (Study, DieDesign) else ()),
    }
    if kind is DieDesign:
        parts |= {"tiles": 1, "dac": {"low": -1, "high": 1}}
    if kind is Layout:
        assert Layout(**parts).die.short_resistance == 1e6
        parts["defects"] = DefectLimits(rates=DefectRates(short=0.1))
    with pytest.raises(ValidationError, match=r"die\.short_resistance .* must be below"):
        kind(**parts)


def test_a_transient_has_a_largest_number_of_points():
    read = TransientRead(period=1e-6, step=1e-12, rise=1e-11)
    with pytest.raises(ValidationError, match="at most 1000000 times step"):
        TransientRead(period=1.1e-6, step=1e-12, rise=1e-11)
    few, many = ([[0.1, 0.1]] * n for n in (20, 21))
    assert experiment(volts=few, analysis=read).analysis == read
    with pytest.raises(ValidationError, match=r"2\.1e\+07 points in time; at most 20000000"):
        experiment(volts=many, analysis=read)


def test_the_read_of_a_layout_can_be_made_longer():
    with pytest.raises(ValidationError, match="slow reads are simulated again with more time"):
        Timing(period=2e-6, step=1e-11, rise=1e-10)


def test_the_reads_of_a_layout_stay_near_ground():
    text = f"{BARE}[periphery]\nreference = -19.95\n"
    assert "must stay within 20 V of ground" in refused(text, Layout)


@pytest.mark.parametrize("cell", ["passive", "gated"])
def test_layouts_of_gated_cells_need_shorts_for_their_sweeps(cell):
    text = f"{BARE}[die]\nshort_resistance = 6e3\n[crossbar.cell]\nkind = '{cell}'\n"
    if cell == "passive":
        assert parse_spec(text, Layout).die.short_resistance == 6e3
    else:
        assert "die.short_resistance (6000 Ω) must be below" in refused(text, Layout)


def test_conditions_are_counted():
    with pytest.raises(ValidationError, match="make 1200 conditions; at most 1000"):
        Corners(process=["a"] * 12, supply=[1.0] * 10, temperature=[27.0] * 10)


def test_gates_stay_in_their_range_under_every_condition():
    text = f"{BARE}[corners]\nsupply = [1.0, 1.5]\n{GATED}gate_volts = 15\n"
    assert "crossbar.cell.gate_volts (15 V) times 1.5 of corners.supply" in refused(text, Layout)


@pytest.mark.parametrize(("sheet", "holds"), [(0.01, True), (0.0009, False), (2e4, False)])
def test_a_wire_of_a_geometry_has_the_range_of_wires(sheet, holds):
    made = {"pitch": 1e-6, "width": 1e-7, "sheet_resistance": sheet}
    if holds:
        assert WireGeometry(**made).resistance >= LEAST_OHMS
        return
    with pytest.raises(ValidationError, match=r"Ω a cell; a wire has 0\.01 to 100000 Ω, or 0"):
        WireGeometry(**made)


def test_vectors_are_counted():
    with pytest.raises(ValidationError, match="must be at most 1000000 vectors"):
        Stimulus(volts=[[0.1]] * 1_000_001)


# What is unusual


UNUSUAL = {"selector15": ["read.voltage"]}
"""A selector takes five sixths of the voltage over its cell."""


def test_what_ships_is_usual(repository: Path):
    for path in sorted((repository / "examples").glob("*/*.toml")):
        found = read_spec(
            path, Study, Layout, Calibration, Experiment, DieDesign, SignOff, TrainingStudy
        )
        assert [words.split(" = ")[0] for words in unusual(found)] == UNUSUAL.get(
            path.parent.name, []
        ), path
    for made in golden_experiments().values():
        assert unusual(made) == ()


@pytest.mark.parametrize("kind", TOPS)
def test_defaults_are_usual(kind):
    parts = {"name": "n", "crossbar": {"rows": 2, "columns": 2}, "tiles": 1,
             "tile": {"states": ["PA", "AP"]}, "stimulus": {"volts": [[0.1, 0.0]]},
             "study": {"name": "n", "crossbar": {"rows": 2, "columns": 2}},
             "dac": {"low": -1, "high": 1}}  # fmt: skip
    given = {name: part for name, part in parts.items() if name in kind.model_fields}
    assert unusual(kind(**given)) == ()


def test_what_is_unusual_is_named_with_what_is_usual():
    mtj = Mtj(tmr0="400%", diameter="300nm", ra="500 Ohm.um2")
    odd = experiment(
        volts=[[0.1, -1.5], [0.2, 0.0]],
        crossbar={"cell": PassiveCell(mtj=mtj), "row": Line(resistance="2k")},
        die=Die(mismatch=5),
    )
    assert unusual(odd) == (
        "crossbar.cell.mtj.ra = 500 Ω·µm² is unusual: most have 1 Ω·µm² to 100 Ω·µm²",
        "crossbar.cell.mtj.diameter = 300 nm is unusual: most have 10 nm to 200 nm",
        "crossbar.cell.mtj.tmr0 = 4 is unusual: most have 0.1 to 3",
        "crossbar.row.resistance = 2 kΩ is unusual: most have 0 Ω to 1 kΩ",
        "stimulus.volts = -1.5 V is unusual: most have -500 mV to 500 mV",
        "die.mismatch = 5 is unusual: most have 0 to 3",
    )


def test_entries_of_lists_are_named_one_by_one():
    layout = parse_spec(BARE + "[corners]\nsupply = [1.0, 0.5, 1.0]\n", Layout)
    assert unusual(layout) == ("corners.supply.1 = 0.5 is unusual: most have 0.8 to 1.2",)


def test_the_front_door_has_it():
    assert specs.unusual is unusual
