"""Random arrays for the properties: small, with every parameter that a symmetry may depend on."""

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from mtjspice.spec import (
    Crossbar,
    Defect,
    Die,
    Experiment,
    Line,
    Mtj,
    PassiveCell,
    ProgrammedTile,
    Stimulus,
)

MAX_LINES = 5

# In steps, not any float: what shrinks is then readable, and no value is below what ngspice prints.
WIRE_OHMS = st.integers(1, 500).map(lambda n: n / 10)
LINE_OHMS = st.integers(1, 500).map(float)
RESISTANCES = {
    "row.resistance": WIRE_OHMS,
    "column.resistance": WIRE_OHMS,
    "row.via": LINE_OHMS,
    "column.via": LINE_OHMS,
    "row.end": LINE_OHMS,
    "column.end": LINE_OHMS,
}
"""By line and field."""
VOLTS = st.integers(-200, 200).map(lambda n: n / 1000)
SEEDS = st.integers(0, 2**63 - 1)

ohmic_junctions = st.builds(
    Mtj,
    diameter=st.integers(30, 100).map(lambda nm: nm * 1e-9),
    tmr0=st.integers(5, 30).map(lambda n: n / 10),
    v_half=st.just(float("inf")),
)
biased_junctions = st.builds(
    Mtj,
    diameter=st.integers(30, 100).map(lambda nm: nm * 1e-9),
    tmr0=st.integers(5, 30).map(lambda n: n / 10),
    v_half=st.integers(2, 10).map(lambda n: n / 10),
    c_parallel=st.integers(0, 10).map(lambda n: n / 10),
)
junctions = st.one_of(ohmic_junctions, biased_junctions)


@st.composite
def crossbars(
    draw: st.DrawFn,
    mtj: st.SearchStrategy[Mtj] = junctions,
    *,
    zero: tuple[str, ...] = (),
    always: tuple[str, ...] = (),
) -> Crossbar:
    """Any passive array; these resistances are zero, those above zero, the others either."""
    fields: dict[str, dict[str, Any]] = {"row": {}, "column": {}}
    for name, ohms in RESISTANCES.items():
        line, field = name.split(".")
        if name not in zero:
            value = draw(ohms if name in always else st.one_of(st.just(0.0), ohms))
            fields[line][field] = value
    ends = st.sampled_from(["one", "both"])
    lines = {name: Line(ends=draw(ends), **given) for name, given in fields.items()}
    count = st.integers(1, MAX_LINES)
    return Crossbar(rows=draw(count), columns=draw(count), cell=PassiveCell(mtj=draw(mtj)), **lines)


def ohms_of(crossbar: Crossbar, name: str) -> float:
    """One of `RESISTANCES` of an array."""
    line, field = name.split(".")
    return getattr(getattr(crossbar, line), field)


def with_ohms(crossbar: Crossbar, name: str, ohms: float) -> Crossbar:
    """The array with one of `RESISTANCES` changed."""
    line, field = name.split(".")
    return crossbar.replace(**{line: getattr(crossbar, line).replace(**{field: ohms})})


@st.composite
def states(draw: st.DrawFn, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Any states of an array."""
    size = shape[0] * shape[1]
    bits = draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))
    return np.array(bits, dtype=np.uint8).reshape(shape)


@st.composite
def volts(draw: st.DrawFn, rows: int, vectors: int | None = None) -> npt.NDArray[np.float64]:
    """Input vectors, one to four unless said otherwise."""
    count = draw(st.integers(1, 4)) if vectors is None else vectors
    vector = st.lists(VOLTS, min_size=rows, max_size=rows)
    return np.array(draw(st.lists(vector, min_size=count, max_size=count)))


@st.composite
def dies(draw: st.DrawFn, shape: tuple[int, int], *, spread: bool) -> Die:
    """Defects of every kind, half of the dies without any; and a spread where it is wanted."""
    sigmas = st.sampled_from([0.0, 0.05, 0.3] if spread else [0.0])
    places = draw(
        st.one_of(
            st.just([]),
            st.lists(
                st.tuples(st.integers(0, shape[0] - 1), st.integers(0, shape[1] - 1)),
                unique=True,
                max_size=4,
            ),
        )
    )
    kinds = st.sampled_from(["short", "open", "stuck_p", "stuck_ap", "weak"])
    return Die(
        sigma_ln_rp=draw(sigmas),
        sigma_ln_tmr=draw(sigmas),
        defects=tuple(Defect(kind=draw(kinds), row=r, column=c) for r, c in places),
        seed=draw(SEEDS),
    )


@st.composite
def line_defects(draw: st.DrawFn, shape: tuple[int, int]) -> tuple[Defect, ...]:
    """What is wrong with lines, each once at most."""
    rows, columns = shape
    all_of = [
        *(Defect(kind="dead_row", row=r) for r in range(rows)),
        *(Defect(kind="dead_column", column=c) for c in range(columns)),
        *(
            Defect(kind=kind, row=r, column=c)
            for kind, last in (
                ("bridged_rows", (rows - 1, columns)),
                ("bridged_columns", (rows, columns - 1)),
            )
            for r in range(last[0])
            for c in range(last[1])
        ),
    ]
    return tuple(draw(st.lists(st.sampled_from(all_of), unique=True, max_size=4)))


@st.composite
def experiments(
    draw: st.DrawFn,
    arrays: st.SearchStrategy[Crossbar] | None = None,
    *,
    vectors: int | None = None,
    spread: bool = True,
    lines: bool = False,
) -> Experiment:
    """Any experiment that drives all rows and senses all columns; with broken lines if asked."""
    crossbar = draw(crossbars() if arrays is None else arrays)
    die = draw(dies(crossbar.shape, spread=spread))
    if lines:
        die = die.replace(defects=die.defects + draw(line_defects(crossbar.shape)))
    return Experiment(
        crossbar=crossbar,
        tile=ProgrammedTile(states=draw(states(crossbar.shape))),
        stimulus=Stimulus(volts=draw(volts(crossbar.rows, vectors))),
        die=die,
    )
