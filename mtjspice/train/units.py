"""What cells are worth on the nominal die, in units of a weight."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mtjspice.solver.array import array_of, at_rest
from mtjspice.spec.defects import DEFECTS, OF_JUNCTION, DefectKind
from mtjspice.spec.die import Defect
from mtjspice.spec.training import Hardware
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.faults import CellUnits
from mtjspice.train.tiles import Placement, TiledLayer, experiments_of


def nominal(
    placements: Sequence[Placement],
    surrogate: Surrogate,
    hardware: Hardware,
    weights: Sequence[Tensor],
) -> tuple[list[TiledLayer], list[float]]:
    """Layers on dies without spread and defects, and the conductance of a weight in each, S.

    Wires and access devices take their share of G_P − G_AP; what is left on average, with these
    weights written, is what read-outs are set to, whether or not training knows the circuit.
    """
    dies = [hardware.nominal] * hardware.dies
    layers = [TiledLayer(p, surrogate, dies, tiles=hardware.tiles) for p in placements]
    units = []
    for layer, written in zip(layers, weights, strict=True):
        layer.refresh(written)
        real = layer.placement.real
        units.append(float((0.5 * (layer.up + layer.down))[real.expand_as(layer.up)].mean()))
        layer.unit = units[-1]
    return layers, units


def cell_units(layer: TiledLayer, surrogate: Surrogate, hardware: Hardware) -> CellUnits:
    """Conductances of a layer's cells as its read-outs see them.

    A cell's own conductance, with its access device, is scaled by the share that the wires leave of
    a weight; so is the spread of cells that are drawn from the die's distribution. Defective cells
    are read in the circuit: what a kind of defect does, the die knows.
    """
    own_p, own_ap = (float(cells.mean()) for cells in layer.cells_at_rest)
    share = 1 / (own_p - own_ap)  # a weight is 1 unit, wires included
    placement = layer.placement
    drawn = [hardware.spread.replace(seed=k) for k in range(hardware.dies)]
    various = TiledLayer(placement, surrogate, drawn, tiles=hardware.tiles)
    variance = sum(float(cells.var()) for cells in various.cells_at_rest)
    drawn_kinds = [k for k in OF_JUNCTION if getattr(hardware.rates, DEFECTS[k].rate) > 0]
    sound = _in_both_states(placement, surrogate, hardware, None)
    # A stuck cell is a sound one, whose mean is known from all of them, in single precision.
    known = dict(zip(sound, (own_p, own_ap), strict=True))
    broken = {}
    for kind in drawn_kinds:
        p, ap = _in_both_states(placement, surrogate, hardware, kind)
        broken[kind] = known.get(p, p) * share, known.get(ap, ap) * share
    return CellUnits(own_p * share, own_ap * share, variance**0.5 * share, broken)


def _in_both_states(
    placement: Placement, surrogate: Surrogate, hardware: Hardware, kind: DefectKind | None
) -> tuple[float, float]:
    """Conductance of cells with a defect, or sound ones, written P and AP, S.

    A mean over the sizes that junctions have.
    """
    sizes, tile = hardware.spread.diameters, placement.first % hardware.tiles
    down = sizes is not None and sizes.along == "rows"
    line = slice(None if down else 1), slice(1 if down else None)
    shape = placement.rows, placement.columns
    defects = [
        Defect(kind=kind, row=int(row), column=int(column), tile=tile)
        for row, column in np.argwhere(np.ones(shape)[line])
        if kind is not None
    ]
    dies = [hardware.nominal.replace(defects=tuple(defects))] * hardware.dies
    circuit, wanted = surrogate.card.circuit, (placement.tiles, *shape)
    written = [
        experiments_of(placement, circuit, dies, hardware.tiles, torch.full(wanted, s).byte())[0]
        for s in (0, 1)
    ]
    cells = at_rest(array_of(written, surrogate.card.access)).cells.linear
    return float(cells[0][line].mean()), float(cells[1][line].mean())
