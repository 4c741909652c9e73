"""The surrogate against the nodal equations that it stands for, with cards made by hand."""

import copy
import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch

from mtjspice.device.conductance import conductance
from mtjspice.errors import InputError
from mtjspice.solver import nodal
from mtjspice.solver.access import AccessModel
from mtjspice.solver.array import Array, array_of, resistor_array
from mtjspice.spec import (
    Converter,
    Crossbar,
    DcRead,
    Defect,
    Diameters,
    Die,
    Experiment,
    GatedCell,
    Line,
    Mtj,
    PassiveCell,
    ProgrammedTile,
    Stimulus,
    Technology,
    TransientRead,
    TransimpedanceAmplifier,
    VirtualGround,
)
from mtjspice.spec.calibration import Calibration
from mtjspice.surrogate.card import AmplifierModel, Bound, Card, Correction, NodalErrors, Validity
from mtjspice.surrogate.expansion import expand
from mtjspice.surrogate.model import MARGIN, Surrogate, check_range

CLOSE = 2e-4
"""Of full scale: what the expansion may leave."""
CELLS = {
    "passive": PassiveCell(),
    "ohmic": PassiveCell(mtj=Mtj(v_half=math.inf)),
    "gated": GatedCell(),
}
LEVELS = ["ideal", "linear", "full"]
EACH_CELL = pytest.mark.parametrize("cell", CELLS)
LINE = Line(resistance=3.0, end=40.0)
BIPOLAR = Converter(low=-2.5, high=2.5)
SHAPES = ((6, 5), (1, 1), (1, 5), (6, 1), (2, 2), (12, 12))
KINDS = (
    "short", "open", "stuck_p", "stuck_ap",
    "dead_row", "dead_column", "bridged_rows", "bridged_columns", "weak",
)  # fmt: skip
ACCESS = AccessModel(
    resistance=[
        [[1000.0, 40.0, 3.0], [30.0, 5.0, 0.0], [12.0, 0.0, 0.0]],
        [[1000.0, 40.0, 3.0], [-20.0, 4.0, 0.0], [9.0, 0.0, 0.0]],
    ],
    sensitivity=[
        [
            [[600.0, 10.0, 0.0], [5.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
            [[600.0, 10.0, 0.0], [-4.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        ]
    ],
    current_scale=2e-4,
    potential_scale=0.1,
    threshold_sigma=[5e-3],
)
"""About 1 kOhm, a few per cent more or less with either sign of the current."""
BOUND = Bound(
    margin=2.0,
    expansion=1e-3,
    nodal=NodalErrors(rms=1e-8, bound=1e-7),
    shorted=NodalErrors(rms=2e-8, bound=2e-7),
)
AMPLIFIER = AmplifierModel(
    input_resistance=7.0, gain=1e4, zero=0.2, clip_low=-0.5, clip_high=0.5, deviation=0.0
)


def card(cell: str = "gated", *, amplifier: AmplifierModel | None = None, **parts) -> Card:
    periphery = VirtualGround()
    if amplifier is not None:
        periphery = TransimpedanceAmplifier(gain=1e4, zero=0.2, clip_low=-0.5, clip_high=0.5)
    circuit = Calibration(
        name="by-hand",
        crossbar=Crossbar(rows=6, columns=5, cell=CELLS[cell], row=LINE, column=LINE),
        periphery=periphery,
        dac=BIPOLAR,
    )
    return Card(
        **{
            "name": "by-hand",
            "circuit": circuit,
            "access": ACCESS if cell == "gated" else None,
            "amplifier": amplifier,
            "validity": Validity(
                volts=0.1,
                sizes=SHAPES,
                defects=KINDS,
                sigma_ln_rp=0.05,
                sigma_ln_tmr=0.05,
                mismatch=1.0,
                short_resistance=100.0,
                bridge_resistance=50.0,
                shorts=0.05,
                cells=30,
            ),
            "bound": BOUND,
            "planned": 1,
            "data_key": "0" * 64,
            "versions": {},
        }
        | parts
    )


def tile(
    of: Card,
    shape: tuple[int, int] = (6, 5),
    *,
    seed: int = 0,
    defects: tuple[Defect, ...] = (),
    stimulus: dict | None = None,
    crossbar: dict | None = None,
    **parts,
) -> Experiment:
    """A random tile of a card's circuit, with spread."""
    rng = np.random.default_rng([seed, *shape])
    used = stimulus or {}
    driven = len(used.get("driven_rows", range(shape[0])))
    die = Die(sigma_ln_rp=0.05, sigma_ln_tmr=0.05, mismatch=1.0, seed=seed, defects=defects)
    whole = {"rows": shape[0], "columns": shape[1]} | (crossbar or {})
    return Experiment(
        **{
            "crossbar": of.circuit.crossbar.replace(**whole),
            "tile": ProgrammedTile(states=rng.integers(0, 2, shape, dtype=np.uint8)),
            "stimulus": Stimulus(volts=rng.uniform(-0.1, 0.1, (8, driven)), **used),
            "die": die,
            "periphery": of.circuit.periphery,
        }
        | parts
    )


def inputs(rows: int, seed: int = 1) -> torch.Tensor:
    """Random inputs, all rows at either end, alternating signs, single rows."""
    rng = np.random.default_rng([seed, rows])
    ones = np.ones((1, rows))
    alternating = (-1.0) ** np.arange(rows)[None]
    eye = np.eye(rows)
    shares = [rng.uniform(-1, 1, (20, rows)), ones, -ones, alternating, eye, -eye]
    return torch.from_numpy(0.1 * np.concatenate(shares))


def full_scale(e: Experiment) -> float:
    return e.crossbar.rows * 0.1 / e.crossbar.cell.mtj.r_p


def gap(of: Card, e: Experiment, level: str = "full", *, checked: bool = True) -> float:
    """Largest difference from the nodal equations, shares of full scale.

    Unchecked, the expansion is asked for arrays, too, that a card does not allow.
    """
    surrogate = Surrogate(of, level)
    volts = inputs(len(e.driven_rows))
    with torch.no_grad():
        array = surrogate.array([e]) if checked else array_of([e], of.access)
        made = surrogate(volts, surrogate.expand(array))
        exact = nodal.read(array, volts)
    assert torch.isfinite(made).all()
    assert made.shape == exact.shape == (1, len(volts), len(e.sensed_columns))
    return float((made - exact).abs().max()) / full_scale(e)


@EACH_CELL
def test_ideal_is_the_product_with_the_conductances_at_rest(cell):
    of = card(cell)
    e = tile(of, die=Die())
    mtj, states = e.crossbar.cell.mtj, e.tile.states
    g = conductance(states, mtj.r_p, mtj.tmr0)
    surrogate, volts = Surrogate(of, "ideal"), inputs(6)
    made = surrogate(volts, surrogate.program([e]))
    assert made.shape == (1, len(volts), 5)
    assert made[0].numpy() == pytest.approx(volts.numpy() @ g, rel=1e-12)


def test_ideal_knows_neither_wires_nor_factors():
    of = card("passive", correction=Correction(linear=0.5, own=0.5, mixed=0.5))
    bare = of.circuit.crossbar.replace(row=Line(), column=Line())
    plain = of.replace(circuit=of.circuit.replace(crossbar=bare))
    made = [Surrogate(c, "ideal").program([tile(c)]).linear for c in (of, plain)]
    assert torch.equal(*made)


@EACH_CELL
def test_linear_is_the_effective_matrix(cell):
    of = card(cell)
    for shape in SHAPES:
        e = tile(of, shape)
        surrogate, volts = Surrogate(of, "linear"), inputs(shape[0])
        matrix = nodal.effective_matrix(surrogate.array([e]))
        made = surrogate(volts, surrogate.program([e]))
        assert made.numpy() == pytest.approx((volts @ matrix).numpy(), rel=1e-7, abs=1e-14), shape


def test_linear_has_the_fitted_factor_of_the_effective_matrix():
    made = [
        Surrogate(card(correction=factors), "linear").program([tile(card())]).linear
        for factors in (Correction(), Correction(linear=0.9, own=3.0, mixed=3.0))
    ]
    assert made[1].numpy() == pytest.approx(0.9 * made[0].numpy(), rel=1e-12)


@EACH_CELL
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_full_follows_the_nodal_equations(cell, shape):
    of = card(cell)
    for seed in range(2):
        assert gap(of, tile(of, shape, seed=seed)) < (1e-7 if cell == "ohmic" else CLOSE), seed


@pytest.mark.parametrize("cell", ["passive", "gated"])
def test_full_is_much_nearer_to_the_nodal_equations_than_linear(cell):
    of = card(cell)
    e = tile(of, (12, 12))
    assert gap(of, e) < 0.05 * gap(of, e, "linear")


def mixed_derivatives(array: Array, read: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """What two inputs do together to each column, A/V², [pair, column]: finite differences."""
    rows, h = array.shape[1], 0.02
    one = h * torch.eye(rows, dtype=torch.float64)
    pairs = [(r, s) for r in range(rows) for s in range(r)]
    volts = torch.stack(
        [a * one[r] + b * one[s] for a in (1, -1) for b in (1, -1) for r, s in pairs]
    )
    both, apart, parted, neither = read(volts).reshape(4, len(pairs), -1)
    return (both + neither - apart - parted) / (4 * h * h)


@pytest.mark.parametrize("of_device", ["tilt", "even"])
def test_what_two_inputs_do_together_is_the_second_derivative_of_the_circuit(of_device):
    # Only one term of the access device, and columns that the currents of other rows lift: all that
    # two inputs do together then goes through the terms in an input and a column's current.
    law = [
        [1000.0, 40.0 * (of_device == "tilt"), 0.0],
        [30.0 * (of_device == "even"), 0.0, 0.0],
        [0.0] * 3,
    ]
    nothing = [[0.0] * 3] * 3
    access = AccessModel(
        resistance=[law, law],
        sensitivity=[[nothing, nothing]],
        current_scale=2e-4,
        potential_scale=0.1,
        threshold_sigma=[0.0],
    )
    lifted = Line(resistance=20.0, end=300.0)
    cell = GatedCell(mtj=Mtj(v_half=math.inf))
    of = card()
    bar = of.circuit.crossbar.replace(column=lifted, cell=cell)
    array = array_of([tile(of.replace(circuit=of.circuit.replace(crossbar=bar)))], access)
    made = expand(array)
    exact = mixed_derivatives(array, lambda v: nodal.read(array, v, tolerance=1e-13)[0])
    ours = mixed_derivatives(array, lambda v: made.currents(v[None], v[None] @ made.linear)[0])
    assert exact.abs().max() > 1e-8
    assert float((ours - exact).norm() / exact.norm()) < 0.15


def some(kind: str) -> tuple[Defect, ...]:
    """A few defects of one kind on six rows and five columns."""
    if kind == "dead_row":
        return (Defect(kind=kind, row=1), Defect(kind=kind, row=4))
    if kind == "dead_column":
        return (Defect(kind=kind, column=3),)
    return (Defect(kind=kind, row=2, column=1), Defect(kind=kind, row=0, column=3))


@pytest.mark.parametrize("kind", KINDS)
def test_full_follows_the_nodal_equations_with_defects(kind):
    written = ProgrammedTile(states=np.full((6, 5), int(kind == "stuck_p")))
    for cell in CELLS:
        of = card(cell)
        good, bad = tile(of, tile=written), tile(of, tile=written, defects=some(kind))
        assert gap(of, bad) < 5 * CLOSE, cell
        linear = Surrogate(of).program([good]).linear
        change = (Surrogate(of).program([bad]).linear - linear).abs().max()
        assert float(change) > 1e-3 * float(linear.max()), cell


@EACH_CELL
def test_full_follows_the_nodal_equations_with_defects_of_every_kind_at_once(cell):
    of = card(cell)
    places = {"short": (0, 0), "open": (5, 4), "stuck_p": (2, 2), "stuck_ap": (3, 1),
              "weak": (1, 3)}  # fmt: skip
    cells = [Defect(kind=kind, row=r, column=c) for kind, (r, c) in places.items()]
    lines = [
        Defect(kind="dead_row", row=4),
        Defect(kind="dead_column", column=3),
        Defect(kind="bridged_rows", row=1, column=2),
        Defect(kind="bridged_columns", row=2, column=0),
    ]
    assert gap(of, tile(of, defects=(*cells, *lines))) < 5 * CLOSE


@EACH_CELL
def test_a_column_of_open_cells_gives_nothing_and_nothing_that_is_no_number(cell):
    of = card(cell)
    e = tile(of, defects=tuple(Defect(kind="open", row=r, column=2) for r in range(6)))
    surrogate = Surrogate(of)
    made = surrogate(inputs(6), surrogate.program([e]))
    assert torch.isfinite(made).all()
    assert float(made[..., 2].abs().max()) == 0.0


@EACH_CELL
def test_a_column_with_one_cell_left_follows_the_nodal_equations(cell):
    of = card(cell)
    e = tile(of, defects=tuple(Defect(kind="open", row=r, column=2) for r in range(5)))
    assert gap(of, e) < CLOSE


@EACH_CELL
def test_arrays_of_one_line_have_finite_gradients(cell):
    of = card(cell)
    surrogate = Surrogate(of)
    for shape in ((1, 1), (1, 5), (6, 1)):
        array = asking(surrogate.array([tile(of, shape)]))
        volts = inputs(shape[0])[:5].requires_grad_()
        surrogate(volts, surrogate.expand(array)).square().sum().backward()
        assert torch.isfinite(volts.grad).all()
        assert torch.isfinite(array.cells.linear.grad).all()
        assert float(array.cells.linear.grad.abs().max()) > 0


def test_tiles_in_a_batch_give_what_they_give_alone():
    of = card()
    surrogate, volts = Surrogate(of), inputs(6)
    tiles = [tile(of, seed=seed) for seed in range(3)]
    together = surrogate(volts, surrogate.program(tiles))
    alone = torch.cat([surrogate(volts, surrogate.program([e])) for e in tiles])
    assert together.shape == (3, len(volts), 5)
    assert together.numpy() == pytest.approx(alone.numpy(), rel=1e-7, abs=1e-12)


def test_tiles_in_a_batch_may_have_defects_of_their_own():
    of = card()
    surrogate, volts = Surrogate(of), inputs(6)
    tiles = [tile(of), tile(of, defects=some("dead_row")), tile(of, defects=some("bridged_rows"))]
    together = surrogate(volts, surrogate.program(tiles))
    alone = torch.cat([surrogate(volts, surrogate.program([e])) for e in tiles])
    assert together.numpy() == pytest.approx(alone.numpy(), rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_each_tile_of_a_batch_may_have_inputs_of_its_own(level):
    of = card()
    surrogate = Surrogate(of, level)
    programmed = surrogate.program([tile(of, seed=seed) for seed in range(3)])
    volts = torch.stack([inputs(6, seed) for seed in range(3)])
    made = surrogate(volts, programmed)
    for k in range(3):
        assert torch.allclose(made[k], surrogate(volts[k], programmed)[k], rtol=1e-12)


def resting(cell: str, unselected: str) -> Card:
    """A card of an array that leaves the lines that are not in use like this."""
    of = card(cell)
    bar = of.circuit.crossbar.replace(unselected=unselected)
    return of.replace(circuit=of.circuit.replace(crossbar=bar))


FEWER = [{"driven_rows": (4, 0, 3), "sensed_columns": (2, 0)}, {"driven_rows": (5,)}]


@pytest.mark.parametrize("lines", FEWER, ids=str)
@pytest.mark.parametrize("cell", ["passive", "gated"])
def test_lines_in_use_may_be_fewer_and_in_any_order(cell, lines):
    of = resting(cell, "grounded")
    assert gap(of, tile(of, stimulus=lines)) < CLOSE


@pytest.mark.parametrize("lines", FEWER, ids=str)
@pytest.mark.parametrize(("cell", "close"), [("ohmic", 1e-7), ("passive", 5 * CLOSE)])
def test_the_expansion_knows_lines_that_float(cell, close, lines):
    of = resting(cell, "floating")
    assert gap(of, tile(of, stimulus=lines), checked=False) < close


def test_columns_that_float_behind_gates_that_are_off_change_nothing():
    lines = {"sensed_columns": (2, 0)}
    made = []
    for unselected in ("grounded", "floating"):
        of = resting("gated", unselected)
        surrogate, array = Surrogate(of), array_of([tile(of, stimulus=lines)], of.access)
        made.append(surrogate(inputs(6), surrogate.expand(array)))
    assert made[1].numpy() == pytest.approx(made[0].numpy(), rel=1e-6)


def test_the_inputs_of_the_experiment_do_not_matter():
    of = card()
    e = tile(of)
    other = e.replace(stimulus=Stimulus(volts=np.full((1, 6), 0.05)))
    assert torch.equal(*(Surrogate(of).program([one]).matrices.own for one in (e, other)))


@pytest.mark.parametrize("ends", ["one", "both"])
def test_lines_held_at_both_ends_and_vias_are_followed(ends):
    line = Line(resistance=8.0, end=30.0, ends=ends, via=5.0)
    of = card()
    bar = of.circuit.crossbar.replace(row=line, column=line)
    of = of.replace(circuit=of.circuit.replace(crossbar=bar))
    assert gap(of, tile(of, (12, 12))) < 2 * CLOSE


@EACH_CELL
def test_arrays_without_wires_are_followed(cell):
    of = card(cell)
    bar = of.circuit.crossbar.replace(row=Line(), column=Line())
    of = of.replace(circuit=of.circuit.replace(crossbar=bar))
    assert gap(of, tile(of)) < CLOSE


def test_the_input_resistance_is_that_of_the_card():
    of = card(amplifier=AMPLIFIER)
    assert of.circuit.periphery.input_resistance == 0.0
    assert Surrogate(of).array([tile(of)]).columns.series.tolist() == [7.0] * 5
    e = tile(of, stimulus={"sensed_columns": (4, 1)})
    assert Surrogate(of).array([e]).columns.series.tolist() == [0.0, 7.0, 0.0, 0.0, 7.0]
    assert gap(of, tile(of)) < CLOSE


def test_amplifiers_are_linear_and_clip_at_both_ends():
    surrogate = Surrogate(card(amplifier=AMPLIFIER))
    currents = torch.tensor([0.0, 1e-5, -1e-5, 7e-5, 1e-3, -3e-5, -1.0], dtype=torch.float64)
    out = surrogate.amplified(currents)
    assert out.tolist() == pytest.approx([0.2, 0.1, 0.3, -0.5, -0.5, 0.5, 0.5], abs=1e-12)


def test_amplifiers_that_a_card_does_not_have_are_refused():
    with pytest.raises(InputError, match=r"by-hand.*amplifier.*has none"):
        Surrogate(card()).amplified(torch.zeros(1))


DIE = Die(sigma_ln_rp=0.05, sigma_ln_tmr=0.05, mismatch=1.0)
REFUSED = {
    "size": (lambda of: tile(of, (5, 6)), ("size", "(5, 6)", "6 x 5, 1 x 1")),
    "cell kind": (lambda of: tile(of, crossbar={"cell": CELLS["passive"]}), ("cell", "passive")),
    "cell": (
        lambda of: tile(of, crossbar={"cell": GatedCell(gate_volts=3.0)}),
        ("cell", "gated", "3.3"),
    ),
    "junction": (
        lambda of: tile(of, crossbar={"cell": GatedCell(mtj=Mtj(tmr0=1.5))}),
        ("cell", "gated"),
    ),
    "row": (lambda of: tile(of, crossbar={"row": Line(resistance=4.0)}), ("lines", "4.0")),
    "column": (lambda of: tile(of, crossbar={"column": Line()}), ("lines",)),
    "unselected": (lambda of: tile(of, crossbar={"unselected": "floating"}), ("lines",)),
    "reference": (
        lambda of: tile(of, periphery=VirtualGround(reference=0.5)),
        ("periphery", "reference=0.5", "reference=0.0"),
    ),
    "periphery": (lambda of: tile(of, periphery=TransimpedanceAmplifier()), ("periphery",)),
    "corner": (lambda of: tile(of, technology=Technology(corner="ss")), ("technology", "ss", "tt")),
    "temperature": (
        lambda of: tile(of, technology=Technology(temperature=85.0)),
        ("technology", "85", "27"),
    ),
    "spread": (
        lambda of: tile(of, die=DIE.replace(sigma_ln_rp=0.06)),
        ("die.sigma_ln_rp", "0.06", "at most 0.05"),
    ),
    "spread of dies": (
        lambda of: tile(of, die=DIE.replace(sigma_ln_tmr_die=0.05)),
        ("die.sigma_ln_tmr", "0.07", "at most 0.05"),
    ),
    "mismatch": (
        lambda of: tile(of, die=DIE.replace(mismatch=1.5)),
        ("die.mismatch", "1.5", "at most 1"),
    ),
    "short": (
        lambda of: tile(of, die=DIE.replace(defects=some("short"), short_resistance=99.0)),
        ("die.short_resistance", "99", "at least 100 Ohm"),
    ),
    "weak": (
        lambda of: tile(of, die=DIE.replace(defects=some("weak"), weak_factor=0.4)),
        ("die.weak_factor", "0.4", "at least 0.5"),
    ),
    "many that conduct more": (
        lambda of: tile(
            of,
            die=DIE.replace(defects=tuple(Defect(kind="weak", row=r, column=0) for r in range(6))),
        ),
        ("share of shorts", "0.2", "0.05"),
    ),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED)
def test_what_the_card_was_not_held_against_is_refused_by_quantity_and_range(make, words):
    of = card()
    for level in ("ideal", "full"):
        with pytest.raises(InputError) as caught:
            Surrogate(of, level).program([tile(of), make(of)])
        key, *others = words
        assert caught.value.key == key
        assert caught.value.source == "card by-hand"
        for word in others:
            assert word in str(caught.value), word


@pytest.mark.parametrize("kind", KINDS)
def test_defects_that_the_card_was_not_held_against_are_refused(kind):
    valid = card().validity.replace(defects=tuple(k for k in KINDS if k != kind))
    of = card(validity=valid)
    with pytest.raises(InputError, match=rf"defects.*{kind}.*outside"):
        check_range(of, tile(of, defects=some(kind)))
    elsewhere = tuple(d.replace(tile=3) for d in some(kind))
    check_range(of, tile(of, defects=elsewhere))


def test_a_card_without_defects_says_so_in_its_refusal():
    of = card(validity=card().validity.replace(defects=()))
    with pytest.raises(InputError, match="none"):
        check_range(of, tile(of, defects=some("open")))


def test_the_resistance_of_shorts_does_not_matter_where_there_are_none():
    check_range(card(), tile(card(), die=DIE.replace(short_resistance=1.0)))


@pytest.mark.parametrize("kind", ["bridged_rows", "bridged_columns"])
def test_the_resistance_of_bridges_is_part_of_the_range(kind):
    of = card()
    for ohms in (50.0, 1e4):
        check_range(of, tile(of, die=DIE.replace(defects=some(kind), bridge_resistance=ohms)))
    die = DIE.replace(defects=some(kind), bridge_resistance=49.0)
    with pytest.raises(InputError, match="bridge_resistance") as caught:
        check_range(of, tile(of, die=die))
    assert caught.value.value == 49.0
    assert "at least 50 Ohm" in str(caught.value)


def test_sizes_of_junctions_are_part_of_the_range():
    of = card("passive")
    sized = of.replace(
        circuit=of.circuit.replace(die=Die(diameters=Diameters(low=45e-9, high=55e-9)))
    )
    for low, high in ((45e-9, 55e-9), (50e-9, 50e-9), (48e-9, 55e-9)):
        die = DIE.replace(diameters=Diameters(low=low, high=high))
        check_range(sized, tile(sized, die=die))
    check_range(sized, tile(sized, die=DIE))  # all of the cell's own 50 nm
    for judged, low, high in ((sized, 44e-9, 55e-9), (sized, 45e-9, 56e-9), (of, 49e-9, 50e-9)):
        die = DIE.replace(diameters=Diameters(low=low, high=high))
        with pytest.raises(InputError, match=r"die\.diameters") as caught:
            check_range(judged, tile(judged, die=die))
        assert caught.value.value == (low, high)
    assert "5e-08 to 5e-08 m" in str(caught.value)


def test_the_resistance_of_bridges_does_not_matter_where_there_are_none():
    elsewhere = tuple(d.replace(tile=3) for d in some("bridged_rows"))
    for defects in ((), elsewhere, some("short")):
        die = DIE.replace(bridge_resistance=0.01, defects=defects)
        check_range(card(), tile(card(), die=die))


def shorted(count: int, columns: int = 5) -> tuple[Defect, ...]:
    return tuple(Defect(kind="short", row=k // columns, column=k % columns) for k in range(count))


@pytest.mark.parametrize(
    ("shorts", "allowed"),
    [(0.05, 4), (2 / 30, 6), (0.0, 1)],
    ids=["share", "exact share", "always one"],
)
def test_tiles_may_have_three_times_as_many_shorts_as_those_that_were_judged(shorts, allowed):
    of = card(validity=card().validity.replace(shorts=shorts))
    check_range(of, tile(of, defects=shorted(allowed)))
    with pytest.raises(InputError, match="share of shorts") as caught:
        check_range(of, tile(of, defects=shorted(allowed + 1)))
    assert caught.value.value == pytest.approx((allowed + 1) / 30)
    assert "3 times" in str(caught.value)


def test_shorts_of_other_tiles_do_not_count():
    elsewhere = tuple(d.replace(tile=1) for d in shorted(20))
    check_range(card(), tile(card(), defects=elsewhere))


@pytest.mark.parametrize("unselected", ["half", "floating"])
@pytest.mark.parametrize("lines", [{"driven_rows": (0, 1)}, {"sensed_columns": (0,)}], ids=str)
def test_lines_that_are_not_in_use_must_be_grounded(unselected, lines):
    of = resting("gated", unselected)
    with pytest.raises(InputError) as caught:
        Surrogate(of).program([tile(of, stimulus=lines)])
    assert caught.value.key == "unselected"
    assert caught.value.value == unselected
    assert "only grounded" in str(caught.value)
    check_range(of, tile(of))


def test_transients_are_refused():
    of = card()
    with pytest.raises(InputError, match=r"analysis.*transient.*only dc"):
        check_range(of, tile(of, analysis=TransientRead()))
    check_range(of, tile(of, analysis=DcRead()))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.1 * MARGIN + 1e-6, -0.2])
def test_inputs_out_of_range_are_refused(value):
    of = card()
    for level in LEVELS:
        surrogate = Surrogate(of, level)
        programmed = surrogate.program([tile(of)])
        volts = inputs(6)
        volts[3, 2] = value
        with pytest.raises(InputError) as caught:
            surrogate(volts, programmed)
        assert caught.value.key == "validity.volts"
        assert "finite and at most 0.1 V" in str(caught.value)


def test_inputs_may_exceed_the_range_by_the_last_step_of_a_converter():
    of = card()
    surrogate = Surrogate(of)
    assert torch.isfinite(surrogate(inputs(6) * MARGIN, surrogate.program([tile(of)]))).all()


@pytest.mark.parametrize(
    "shape", [(3, 5), (3, 7), (4, 3, 6), (6,), (1, 2, 3, 6), (0, 6), (2, 0, 6), (0, 3, 6)], ids=str
)
def test_inputs_of_the_wrong_shape_are_refused(shape):
    of = card()
    for level in LEVELS:
        surrogate = Surrogate(of, level)
        programmed = surrogate.program([tile(of, seed=seed) for seed in range(2)])
        words = r"shape.*\[vector, 6\] or \[2, vector, 6\]"
        with pytest.raises(InputError, match=words) as caught:
            surrogate(torch.zeros(shape, dtype=torch.float64), programmed)
        assert caught.value.value == shape


def test_a_level_that_there_is_not_is_refused():
    with pytest.raises(InputError, match=r"by-hand.*liner.*ideal, linear, full") as caught:
        Surrogate(card(), "liner")
    assert caught.value.key == "level"


def test_the_level_is_not_changed_afterwards():
    surrogate = Surrogate(card())
    with pytest.raises(AttributeError):
        surrogate.level = "ideal"
    assert surrogate.level == "full"


@pytest.mark.parametrize("level", LEVELS)
def test_matrices_made_at_one_level_are_not_read_at_another(level):
    of = card()
    volts = inputs(6)
    made = {name: Surrogate(of, name).program([tile(of)]) for name in LEVELS}
    assert made[level].matrices.level == level
    for other in LEVELS:
        surrogate = Surrogate(of, other)
        if other == level:
            assert surrogate(volts, made[level]).shape == (1, len(volts), 5)
            continue
        with pytest.raises(InputError, match=rf"level.*{level}.*at {other}"):
            surrogate(volts, made[level])


@pytest.mark.parametrize("level", LEVELS)
def test_matrices_can_be_had_in_another_precision(level):
    of = card()
    surrogate, volts = Surrogate(of, level), inputs(6)
    programmed = surrogate.program([tile(of)])
    single = programmed.to(torch.float32)
    parts, before = single.matrices.parts, programmed.matrices.parts
    assert single.matrices.level == level
    assert {part.dtype for part in parts} == {torch.float32}
    assert {part.dtype for part in before} == {torch.float64}
    assert [p.shape for p in parts] == [p.shape for p in before]
    made, exact = surrogate(volts.float(), single), surrogate(volts, programmed)
    assert made.dtype == torch.float32
    assert float((made - exact).abs().max()) < 1e-6 * full_scale(tile(of))


def test_parts_are_all_tensors_of_an_expansion_in_their_order():
    programmed = Surrogate(card()).program([tile(card())]).matrices
    names = ("linear", "own", "mixed", "twice", "alone", "thrice")
    assert len(programmed.parts) == len(names)
    assert all(a is getattr(programmed, n) for a, n in zip(programmed.parts, names, strict=True))


def asking(array):
    """The array with conductances that ask for gradients."""
    array.cells.linear.requires_grad_()
    return array


def slope(function, at: torch.Tensor, along: torch.Tensor, step: float) -> float:
    """Derivative of a function along a direction, from differences."""
    with torch.no_grad():
        return float((function(at + step * along) - function(at - step * along)) / (2 * step))


@EACH_CELL
@pytest.mark.parametrize("defects", [(), some("bridged_rows") + some("dead_row")], ids=len)
def test_gradients_with_respect_to_inputs_are_those_of_differences(cell, defects):
    of = card(cell)
    surrogate = Surrogate(of)
    programmed = surrogate.program([tile(of, defects=defects)])
    generator = torch.Generator().manual_seed(1)
    weights = torch.rand(1, 4, 5, generator=generator, dtype=torch.float64)
    volts = 0.09 * (2 * torch.rand(4, 6, generator=generator, dtype=torch.float64) - 1)

    def loss(v):
        return 1e6 * (surrogate(v, programmed) * weights).sum()

    asked = volts.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(asked), asked)
    for k in range(3):
        along = torch.randn(4, 6, generator=generator, dtype=torch.float64)
        wanted = slope(loss, volts, along, 1e-5)
        assert float((gradient * along).sum()) == pytest.approx(wanted, rel=1e-5), k


@pytest.mark.parametrize("name", ["linear", "drop", "at", "via", "access"])
@pytest.mark.parametrize("level", ["linear", "full"])
def test_gradients_with_respect_to_the_circuit_are_those_of_differences(name, level):
    of = card()
    surrogate, volts = Surrogate(of, level), inputs(6)
    array = surrogate.array([tile(of)])
    held = {"via": array.via, "access": array.cells.access.resistance}
    at = held.get(name)
    if at is None:
        at = getattr(array.cells, name)

    def changed(value):
        if name == "via":
            return copy_of(array, via=value)
        if name == "access":
            access = copy_of(array.cells.access, resistance=value)
            return copy_of(array, cells=copy_of(array.cells, access=access))
        return copy_of(array, cells=copy_of(array.cells, **{name: value}))

    generator = torch.Generator().manual_seed(2)
    weights = torch.randn(1, len(volts), 5, generator=generator, dtype=torch.float64)

    def loss(value):
        return 1e6 * (surrogate(volts, surrogate.expand(changed(value))) * weights).sum()

    at = at + 5.0 if name == "via" else at
    asked = at.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(asked), asked)
    along = torch.randn(at.shape, generator=generator, dtype=torch.float64) * at.abs()
    wanted = slope(loss, at, along, 1e-4)
    assert float((gradient * along).sum()) == pytest.approx(wanted, rel=1e-5, abs=1e-9)


def copy_of(value, **changes):
    made = copy.copy(value)
    for name, part in changes.items():
        object.__setattr__(made, name, part)
    return made


BROKEN = {
    "dead rows": some("dead_row"),
    "bridges": some("bridged_rows"),
    **{f"dead column {c}": (Defect(kind="dead_column", column=c),) for c in range(5)},
}


@pytest.mark.parametrize("defects", BROKEN.values(), ids=BROKEN)
def test_gradients_of_a_tile_with_broken_lines_are_those_of_differences(defects):
    of = card("passive")
    surrogate, volts = Surrogate(of), inputs(6)
    array = asking(surrogate.array([tile(of, defects=defects)]))
    at = array.cells.linear.detach().clone()
    generator = torch.Generator().manual_seed(3)
    along = torch.randn(at.shape, generator=generator, dtype=torch.float64) * at

    def loss(value):
        cells = copy_of(array.cells, linear=value)
        return 1e6 * surrogate(volts, surrogate.expand(copy_of(array, cells=cells))).square().sum()

    asked = at.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(asked), asked)
    wanted = slope(loss, at, along, 1e-5)
    assert float((gradient * along).sum()) == pytest.approx(wanted, rel=1e-5)


def test_programming_leaves_no_graph_behind():
    of = card()
    made = Surrogate(of).program([tile(of)])
    assert not any(part.requires_grad for part in made.matrices.parts)
    assert not made.errors.bound.requires_grad


@pytest.mark.parametrize("level", LEVELS)
@EACH_CELL
def test_single_precision_gives_the_same_currents(cell, level):
    of = card(cell)
    surrogate, volts = Surrogate(of, level), inputs(6)
    array = surrogate.array([tile(of), tile(of, seed=1)])
    exact = surrogate(volts, surrogate.expand(array))
    programmed = surrogate.expand(array.to(torch.float32, "cpu"))
    made = surrogate(volts.float(), programmed)
    assert made.dtype == torch.float32
    assert float((made - exact).abs().max()) < 1e-5 * full_scale(tile(of))


@pytest.mark.parametrize("moved", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_a_copy_of_the_module_gives_the_same(moved):
    of = card(amplifier=AMPLIFIER)
    surrogate = Surrogate(of, "linear")
    other = moved(surrogate)
    assert other.card == of
    assert other.level == "linear"
    volts = inputs(6)
    ours, theirs = (s(volts, s.program([tile(of)])) for s in (surrogate, other))
    assert torch.equal(ours, theirs)


def test_programmed_tiles_can_be_copied_and_pickled():
    of = card()
    surrogate, volts = Surrogate(of), inputs(6)
    programmed = surrogate.program([tile(of)])
    again = pickle.loads(pickle.dumps(programmed))
    assert torch.equal(surrogate(volts, again), surrogate(volts, programmed))
    assert torch.equal(surrogate(volts, copy.deepcopy(programmed)), surrogate(volts, again))


def test_gated_cells_without_a_card_are_refused():
    with pytest.raises(InputError, match="calibration card"):
        array_of([tile(card())])


def test_resistors_need_no_expansion_beyond_the_matrix():
    made = expand(resistor_array(torch.full((1, 3, 2), 1e-4, dtype=torch.float64), wire=(5.0, 5.0)))
    for name in ("own", "mixed", "twice", "alone", "thrice"):
        assert float(getattr(made, name).abs().max()) == 0.0
