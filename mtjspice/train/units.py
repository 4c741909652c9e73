"""What cells are worth on the nominal die, in units of a weight."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtjspice.solver.array import at_rest
from mtjspice.spec.defects import Shorted, kind_that
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
    a weight; so is the spread of cells that are drawn from the die's distribution.
    """
    own_p, own_ap = (float(cells.mean()) for cells in layer.cells_at_rest)
    share = 1 / (own_p - own_ap)  # a weight is 1 unit, wires included
    placement = layer.placement
    drawn = [hardware.spread.replace(seed=k) for k in range(hardware.dies)]
    various = TiledLayer(placement, surrogate, drawn, tiles=hardware.tiles)
    variance = sum(float(cells.var()) for cells in various.cells_at_rest)
    kind = kind_that(Shorted())
    short = Defect(kind=kind, row=0, column=0, tile=placement.first % hardware.tiles)
    broken = [hardware.nominal.replace(defects=(short,))]
    states = torch.ones(placement.tiles, placement.rows, placement.columns, dtype=torch.uint8)
    one = experiments_of(
        placement, surrogate.card.circuit, broken * hardware.dies, hardware.tiles, states
    )[:1]
    shorted = float(at_rest(surrogate.array(one)).cells.linear[0, 0, 0])
    return CellUnits(
        p=own_p * share, ap=own_ap * share, short=shorted * share, spread=variance**0.5 * share
    )
