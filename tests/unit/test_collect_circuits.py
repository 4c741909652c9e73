"""Circuits in SPICE that the other tests do not reach: broken lines, transistors, dies, time."""

import re

import numpy as np
import pytest
from reference.network import column_currents, held, of_array
from unit.builders import DESIGN, OHMIC, experiment

from mtjspice.collect import over_corners, over_mismatch
from mtjspice.collect.die import simulate_die
from mtjspice.device.converter import outside, to_codes
from mtjspice.device.trial import tile_experiment
from mtjspice.errors import InputError
from mtjspice.netlist import build_deck
from mtjspice.spec import (
    DcRead,
    Defect,
    Die,
    DieDesign,
    GatedCell,
    Line,
    Mtj,
    SenseAmplifier,
    Technology,
    TransientRead,
    Transistor,
    TransmissionGateCell,
    VirtualGround,
    parse_spec,
)

pytestmark = pytest.mark.ngspice

STATES = ["PAPAP", "APPAA", "PPAPA", "AAPPP"]
VOLTS = [[0.1, -0.05, 0.08, 0.02], [0.0, 0.1, 0.0, -0.1]]
FULL_SCALE = 4 * 0.1 / Mtj().r_p
LINE_DEFECTS = [
    Defect(kind="dead_row", row=1),
    Defect(kind="dead_column", column=3),
    Defect(kind="bridged_rows", row=0, column=2),
    Defect(kind="bridged_columns", row=2, column=1),
]


def array(die: Die = Die(), ends: str = "one", **line):  # noqa: B008, frozen
    """Four rows and five columns of ohmic junctions with wires."""
    row = Line(**{"resistance": 20.0, "end": 100.0, "ends": ends} | line)
    crossbar = {"cell": OHMIC, "row": row, "column": row.replace(resistance=30.0)}
    return experiment(STATES, VOLTS, crossbar=crossbar, die=die)


@pytest.mark.parametrize("ends", ["one", "both"])
@pytest.mark.parametrize("line", [{}, {"end": 0.0}, {"via": 15.0}, {"resistance": 0.0}])
def test_wires_carry_what_the_nodal_equations_say(simulator, ends, line):
    made = array(ends=ends, **line)
    (result,) = simulator.run([made])
    assert np.abs(result["current"].to_numpy() - column_currents(made)).max() < 1e-9 * FULL_SCALE


@pytest.mark.parametrize("ends", ["one", "both"])
@pytest.mark.parametrize("defect", LINE_DEFECTS, ids=lambda defect: defect.kind)
def test_a_broken_line_changes_the_currents_as_the_nodal_equations_say(simulator, defect, ends):
    bad, good = array(Die(defects=(defect,)), ends), array(ends=ends)
    (result,) = simulator.run([bad])
    read = result["current"].to_numpy()
    assert np.abs(read - column_currents(bad)).max() < 1e-9 * FULL_SCALE
    assert np.abs(read - column_currents(good)).max() > 1e-3 * FULL_SCALE


def test_many_defects_together_change_the_currents_as_the_nodal_equations_say(simulator):
    more = (
        Defect(kind="short", row=0, column=0),
        Defect(kind="open", row=1, column=3),
        Defect(kind="stuck_ap", row=3, column=2),
    )
    made = array(Die(defects=(*LINE_DEFECTS, *more), bridge_resistance=40.0, short_resistance=60.0))
    (result,) = simulator.run([made])
    assert np.abs(result["current"].to_numpy() - column_currents(made)).max() < 1e-9 * FULL_SCALE
    solved = of_array(made).currents(held(made))
    into = [solved["in", r] for r in range(4)]
    assert result["input_current"][0].to_numpy() == pytest.approx(into, abs=1e-9 * FULL_SCALE)
    assert into[1] == 0


def worst_drop(simulator, ends: str) -> float:
    """Largest fall of voltage along one row of 33 P junctions, by that of its driver."""
    made = experiment(
        ["P" * 33],
        [[0.1]],
        crossbar={"cell": OHMIC, "row": Line(resistance=0.01, ends=ends)},
        observe="cells",
    )
    (result,) = simulator.run([made])
    return 1 - result["cell_voltage"].to_numpy().min() / 0.1


def test_a_row_that_is_driven_at_both_ends_drops_a_quarter(simulator):
    # Equal currents I into 33 cells: r I (1 + … + 32) = 528 r I from one end; from both, 15.5 of 31
    # from each side, r I (15.5 + … + 0.5) = 128 r I in the middle.
    one, both = (worst_drop(simulator, ends) for ends in ("one", "both"))
    assert one == pytest.approx(528 * 0.01 / Mtj().r_p, rel=2e-3)
    assert both / one == pytest.approx(128 / 528, rel=2e-3)


@pytest.mark.parametrize("cell", [GatedCell(), TransmissionGateCell()], ids=lambda cell: cell.kind)
def test_fast_corners_carry_more_current_than_slow_ones(simulator, cell):
    reference = 0.0 if cell.kind == "gated" else 1.65
    made = experiment(
        ["PA", "AP"],
        [[0.1, 0.2]],
        crossbar={"cell": cell},
        periphery=VirtualGround(reference=reference),
    )
    celsius = [-40.0, 27.0, 125.0]
    result = over_corners(simulator, made, ["ss", "tt", "ff"], celsius)
    assert result["current"].dims[:2] == ("corner", "temperature")
    assert result["corner"].to_numpy().tolist() == ["ss", "tt", "ff"]
    assert result["temperature"].to_numpy().tolist() == celsius
    read = result["current"].to_numpy()
    assert (read > 0).all()
    assert (np.diff(read, axis=0) > 0).all()
    alone = made.replace(technology=Technology(corner="ff", temperature=125.0))
    assert (simulator.run([alone])[0]["current"] == read[2, 2]).all()


def mismatched():
    """A gated array with mismatch, the same without, and the shifts of the first, V."""
    made = experiment(
        ["PAP", "APA", "PPA"],
        [[0.1, 0.2, 0.05], [0.2, -0.1, 0.1]],
        crossbar={"cell": TransmissionGateCell(), "row": Line(resistance=5.0)},
        periphery=VirtualGround(reference=1.65),
        die=Die(mismatch=3.0, seed=4),
        reltol=1e-10,
    )
    text = build_deck(made).text.replace("\n+ ", " ")
    shifts = dict(re.findall(r"^(M\S+) .* delvto=(\S+)$", text, re.MULTILINE))
    plain = made.replace(die=Die())
    names = build_deck(plain).transistors
    by_name = {name.lower(): float(value) for name, value in shifts.items()}
    return made, plain, np.array([by_name[name.lower()] for name in names])


def test_shifts_set_after_loading_are_those_written_into_the_netlist(simulator):
    made, plain, shifts = mismatched()
    samples = np.stack([shifts, 0 * shifts, -shifts, shifts])
    written, without = (result["current"].to_numpy() for result in simulator.run([made, plain]))
    results = [r["current"].to_numpy() for r in simulator.run_samples(plain, samples)]
    assert results[0] == pytest.approx(written, rel=1e-9)
    assert results[3] == pytest.approx(written, rel=1e-9)
    assert results[1] == pytest.approx(without, rel=1e-9)
    assert np.abs(written / without - 1).max() > 1e-4
    assert np.abs(results[2] / without - 1).max() > 1e-4


@pytest.fixture
def pool_of_shifts(simulator, monkeypatch):
    """What `over_mismatch` asks the simulator to set, without the runs."""

    def asked(made, samples, seed):
        kept = []
        run_samples = simulator.run_samples

        def some(described, shifts):
            kept.append(shifts)
            return run_samples(described, shifts[:1])

        monkeypatch.setattr(simulator, "run_samples", some)
        over_mismatch(simulator, made, samples, seed)
        return kept[0]

    return asked


def test_samples_of_mismatch_spread_and_repeat(simulator):
    _, plain, _ = mismatched()
    one, again, other = (over_mismatch(simulator, plain, 6, seed) for seed in (1, 1, 2))
    assert one["current"].dims == ("sample", "vector", "output_line")
    assert one.sizes["sample"] == 6
    assert one["current"].identical(again["current"])
    assert not one["current"].equals(other["current"])
    assert (one["current"].std("sample") > 0).all()


def test_each_transistor_of_a_transmission_gate_has_its_own_spread(pool_of_shifts):
    cell = TransmissionGateCell(
        nmos=Transistor(model="nmos_33", width=1e-6, length=0.35e-6),
        pmos=Transistor(model="pmos_33", width=9e-6, length=0.35e-6),
    )
    made = experiment(["PAP", "APA"], [[0.1, 0.2]], crossbar={"cell": cell})
    shifts = pool_of_shifts(made, samples=400, seed=3)
    of_each = shifts.reshape(400, 2, 3, 2)
    # Pelgrom, one of a pair: A_VT / sqrt(2 W L), 7.5 and 9 mV um (the card's own comment).
    for k, (avt, width) in enumerate(((7.5e-9, 1e-6), (9e-9, 9e-6))):
        sigma = avt / np.sqrt(2 * width * 0.35e-6)
        z = of_each[..., k].ravel() / sigma
        assert abs(z.mean()) < 4 / np.sqrt(z.size)
        assert abs(z.var() - 1) < 4 * np.sqrt(2 / z.size)
    names = build_deck(made).transistors
    assert names[:2] == ("mn0_0", "mp0_0")
    assert len(names) == shifts.shape[1]


def test_samples_of_mismatch_are_refused_with_level_1(simulator):
    access = Transistor(model="nmos_33", width=2e-6, length=0.35e-6)
    made = experiment(
        crossbar={"cell": GatedCell(access=access)}, technology=Technology(card="cmos33_level1")
    )
    with pytest.raises(InputError, match="take no threshold shift"):
        over_mismatch(simulator, made, 2)


def test_a_die_is_its_tiles_one_by_one(simulator):
    design = parse_spec(DESIGN, DieDesign).replace(die=Die(sigma_ln_rp=0.1, seed=2))
    whole = simulate_die(design, simulator)
    assert dict(whole.sizes) == {"tile": 2, "vector": 3, "output_line": 3, "input_line": 3}
    assert whole.attrs["design"] == "small die"
    alone = simulator.run([tile_experiment(design, tile) for tile in (0, 1)])
    for tile in (0, 1):
        assert (whole["current"].sel(tile=tile) == alone[tile]["current"]).all()
    volts = whole["amplifier_voltage"].to_numpy()
    assert (whole["code"].to_numpy() == to_codes(volts, design.adc)).all()
    assert whole["code"].dims == ("tile", "vector", "output_line")
    assert whole.attrs["clipped_share"] == outside(volts, design.adc).mean() == 0


@pytest.mark.parametrize("limit", ["clip_low", "clip_high"])
def test_reads_that_stand_exactly_at_a_limit_are_counted(simulator, limit):
    design = parse_spec(DESIGN, DieDesign)
    free = simulate_die(design, simulator)["amplifier_voltage"].to_numpy()
    zero = design.periphery.zero
    level = float(np.median(free[free < zero] if limit == "clip_low" else free[free > zero]))
    held = design.replace(periphery=design.periphery.replace(**{limit: level}))
    outputs = simulator.run([tile_experiment(held, tile) for tile in (0, 1)])
    volts = np.stack([one["amplifier_voltage"].to_numpy() for one in outputs])
    # ngspice keeps eleven digits of the limit, so that few outputs are equal to it.
    expected = free <= level if limit == "clip_low" else free >= level
    assert 0 < expected.mean() < 1
    assert (np.abs(volts - level)[expected] < 1e-9).all()
    for one, share in zip(outputs, expected.mean(axis=(1, 2)), strict=True):
        assert one.attrs["clipped_share"] == share
    assert simulate_die(held, simulator).attrs["clipped_share"] == expected.mean()


def test_reads_that_the_amplifier_or_the_converter_clips_are_counted(simulator):
    design = parse_spec(DESIGN, DieDesign)
    free = simulate_die(design, simulator)["amplifier_voltage"].to_numpy()
    low, high = np.quantile(free, [0.3, 0.6])
    held_low = design.replace(periphery=design.periphery.replace(clip_low=float(low)))
    share = float((free <= low).mean())
    assert simulate_die(held_low, simulator).attrs["clipped_share"] == share
    both = held_low.replace(adc=design.adc.replace(high=float(high)))
    clipped = (free <= low) | (free > high - both.adc.lsb / 2)
    assert simulate_die(both, simulator).attrs["clipped_share"] == pytest.approx(clipped.mean())


def test_a_read_in_time_settles_to_that_at_rest_and_latches_decide_by_its_sign(simulator):
    loaded = Line(resistance=5.0, capacitance=1e-15, end=50.0)
    made = experiment(
        ["PA", "AP"],
        [[0.6, 0.6], [0.0, 0.0], [0.6, 0.5]],
        crossbar={"cell": GatedCell(), "row": loaded, "column": loaded, "gate": loaded},
        periphery=SenseAmplifier(load="5k", threshold=0.15),
        analysis=TransientRead(),
    )
    timed, rest = simulator.run([made, made.replace(analysis=DcRead())])
    late = timed.sel(time=made.analysis.sense_at - 0.2e-9, method="nearest")
    for name in ("current", "sense_voltage", "input_current"):
        scale = float(np.abs(rest[name]).max())
        assert np.abs(late[name] - rest[name]).max() < 1e-3 * scale, name
    above = rest["sense_voltage"].to_numpy() - 0.15
    assert (np.abs(above) > 0.1).all()
    assert (timed["decision"].to_numpy() == np.sign(above)).all()
    assert (timed["decision_time"] > 0).all()
    assert (timed["decision_time"] < 1e-9).all()
    assert (timed["decision_energy"] > 0).all()
    assert timed["current"].dims == ("vector", "time", "output_line")
    assert timed["time"][0] == 0
    assert timed["time"].size == 200


def test_between_pulses_the_drivers_are_at_the_reference(simulator):
    made = experiment(
        volts=[[0.1, 0.2], [0.2, 0.1]],
        crossbar={"cell": OHMIC},
        periphery=VirtualGround(reference=0.5),
        analysis=TransientRead(),
    )
    (result,) = simulator.run([made])
    (rest,) = simulator.run([made.replace(analysis=DcRead())])
    during, after = (result["current"].sel(time=t, method="nearest") for t in (4e-9, 9e-9))
    assert during.to_numpy() == pytest.approx(rest["current"].to_numpy(), rel=1e-9)
    assert np.abs(after).max() < 1e-9 * np.abs(rest["current"]).max()
