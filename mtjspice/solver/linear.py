"""Arrays with linear cells: which algorithm solves them, and the extras around it."""

from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor

from mtjspice.errors import InputError
from mtjspice.solver.elimination import Elimination, eliminate
from mtjspice.solver.iterative import conjugate_gradients

if TYPE_CHECKING:
    from mtjspice.solver.array import Array

Method = Literal["auto", "elimination", "conjugate_gradients"]
FEW_CELLS = 400
"""Cells, of all arrays together, up to which elimination takes no longer than a set-up."""
NARROW = 32
"""Columns up to which elimination is the faster a little sooner."""
UNEVEN = 2.5
"""Standard deviation of conductances, in units of their mean, that shorts bring about."""


class LinearArray:
    """Cells of given conductance between the lines of an array, prepared for many solves.

    Args:
        array: its lines and extras.
        conductance: [tile, 1, row, column], or [tile, vector, row, column] where every vector has
            its own, S.
        method: how to solve.
        tolerance: relative error of the currents, where it is iterative.
        vectors: how many will be solved at a time.

    Raises:
        InputError: if there is no such method.
    """

    def __init__(
        self, array: "Array", conductance: Tensor, method: Method, tolerance: float, vectors: int
    ):
        self.array, self.tolerance = array, tolerance
        self.shared = conductance.shape[1] == 1
        self.conductance = conductance.flatten(0, 1)
        self.factors: Elimination | None = None
        check_method(method)
        if method == "auto":
            method = chosen(self.conductance, vectors if self.shared else 1)
        if method == "elimination":
            self.factors = eliminate(self.conductance, array.rows, array.columns)
        self.bordered: tuple[Tensor, Tensor] | None = None
        extras = array.extras
        if extras is not None:
            incidence, coupling = extras.incidence, extras.coupling
            if not self.shared:
                incidence, coupling = (
                    x.repeat_interleave(conductance.shape[1], 0) for x in (incidence, coupling)
                )
            answers = self._regular(incidence)
            matrix = coupling - torch.einsum("tfrc,tgrc->tfg", incidence, answers)
            self.incidence, self.bordered = incidence, (answers, matrix)

    def solve(self, emf: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """(current, extra) for voltages in series with the cells and right sides of the extras.

        Args:
            emf: [tile, vector, row, column], V.
            h: [tile, vector, unknown].
        """
        tiles, vectors = emf.shape[:2]
        if not self.shared:  # a vector each
            emf, h = emf.flatten(0, 1)[:, None], h.flatten(0, 1)[:, None]
        current, extra = self._regular(emf), h
        if self.bordered is not None:
            answers, matrix = self.bordered
            missing = h - torch.einsum("tfrc,tvrc->tvf", self.incidence, current)
            extra = torch.linalg.solve(matrix, missing.mT).mT
            current = current - torch.einsum("tfrc,tvf->tvrc", answers, extra)
        return (
            current.reshape(tiles, vectors, *current.shape[2:]),
            extra.reshape(tiles, vectors, extra.shape[-1]),
        )

    def _regular(self, emf: Tensor) -> Tensor:
        """Currents without the extras, for emf [array, vector, row, column]."""
        if self.factors is not None:
            return self.factors.solve(emf)
        return conjugate_gradients(
            self.conductance, emf, self.array.rows, self.array.columns, tolerance=self.tolerance
        )


def check_method(method: str) -> None:
    """See that there is such a method.

    Raises:
        InputError: naming those that there are.
    """
    if method not in get_args(Method):
        raise InputError(
            source="solver", key="method", value=method, allowed=f"must be {one_of(Method)}"
        )


def one_of(kinds: object) -> str:
    """The words of a `Literal`, for a message."""
    return " or ".join(repr(word) for word in get_args(kinds))


def chosen(conductance: Tensor, vectors: int) -> Method:
    """The faster method for arrays [array, row, column] and a number of vectors.

    Elimination costs its factors, and little for each vector; conjugate gradients cost the same for
    every vector, more where a few cells conduct far more than the others. The limits are where the
    two cross in ``benchmarks/solver.py``.
    """
    if conductance.numel() <= FEW_CELLS:
        return "elimination"
    columns = conductance.shape[-1]
    uneven = (conductance.std((-2, -1), correction=0) > UNEVEN * conductance.mean((-2, -1))).any()
    share = 0.25 if bool(uneven) else 0.8 if columns <= NARROW else 1.0
    return "conjugate_gradients" if vectors <= share * columns else "elimination"
