"""An independent solve of any resistor network; and the network of an ohmic array, line by line.

Written from the description, not from the netlist: nothing here imports `mtjspice.netlist`. A
resistance of zero gives the nodes that it joins one number.
"""

from collections.abc import Hashable
from itertools import pairwise

import numpy as np

from mtjspice.device.variation import draw_junctions
from mtjspice.spec import Experiment, Line


class Network:
    """Resistors between nodes of any name, some of which are held at a voltage."""

    def __init__(self) -> None:
        self.same: dict[Hashable, Hashable] = {}
        self.resistors: list[tuple[Hashable, Hashable, float]] = []

    def root(self, node: Hashable) -> Hashable:
        """The node that stands for all those that are joined to this one."""
        while self.same.setdefault(node, node) != node:
            node = self.same[node]
        return node

    def connect(self, a: Hashable, b: Hashable, ohms: float) -> None:
        """A resistor, or one node where there is no resistance."""
        if ohms > 0:
            self.resistors.append((a, b, ohms))
        else:
            self.same[self.root(a)] = self.root(b)

    def numbers(self) -> dict[Hashable, int]:
        """A number for each node that is not joined to another."""
        ends = {self.root(end) for resistor in self.resistors for end in resistor[:2]}
        return {node: i for i, node in enumerate(sorted(ends, key=repr))}

    def reached(self, held: list[Hashable]) -> set[Hashable]:
        """The nodes that resistors connect to one that is held."""
        reached, before = {self.root(node) for node in held}, -1
        while before != len(reached):
            before = len(reached)
            for a, b, _ in self.resistors:
                if {self.root(a), self.root(b)} & reached:
                    reached |= {self.root(a), self.root(b)}
        return reached

    def floats(self, held: list[Hashable]) -> bool:
        """Whether resistors connect some node to none of those that are held."""
        return not set(self.numbers()) <= self.reached(held)

    def currents(self, held: dict[Hashable, float]) -> dict[Hashable, float]:
        """Current into the network at each node that is held, A; what floats carries none."""
        reached = self.reached(list(held))
        number = {node: i for i, node in enumerate(n for n in self.numbers() if n in reached)}
        g = np.zeros((len(number), len(number)))
        for a, b, ohms in self.resistors:
            if self.root(a) not in reached:
                continue
            i, j = number[self.root(a)], number[self.root(b)]
            g[[i, j], [i, j]] += 1 / ohms
            g[i, j] -= 1 / ohms
            g[j, i] -= 1 / ohms
        volts = np.zeros(len(number))
        fixed = np.zeros(len(number), dtype=bool)
        for node, value in held.items():
            if (root := self.root(node)) in number:
                volts[number[root]], fixed[number[root]] = value, True
        if not fixed.all():
            volts[~fixed] = np.linalg.solve(
                g[np.ix_(~fixed, ~fixed)], -g[np.ix_(~fixed, fixed)] @ volts[fixed]
            )
        into = g @ volts
        return {n: into[number[r]] if (r := self.root(n)) in number else 0.0 for n in held}


def of_array(e: Experiment) -> Network:
    """An array of ohmic junctions with its wires and all that is wrong with it.

    Rows are driven at ``("in", row)``, columns read at ``("out", column)``.
    """
    rows, columns = e.crossbar.shape
    net = Network()
    wrong = {(d.kind, d.row, d.column) for d in e.die.defects if d.tile == e.tile.index}
    for r in range(rows):
        nodes = [("row", r, c) for c in range(columns)]
        _line(net, nodes, ("in", r), e.crossbar.row, dead=("dead_row", r, None) in wrong)
    for c in range(columns):
        nodes = [("column", r, c) for r in reversed(range(rows))]
        _line(net, nodes, ("out", c), e.crossbar.column, dead=("dead_column", None, c) in wrong)
    drawn = draw_junctions(e.crossbar.cell.mtj, e.tile, e.die)
    ohms = drawn.r_p * np.where(drawn.state == 1, 1 + drawn.tmr0, 1.0)
    for r, c in np.ndindex(rows, columns):
        net.connect(("row", r, c), ("above", r, c), e.crossbar.row.via)
        net.connect(("below", r, c), ("column", r, c), e.crossbar.column.via)
        junction = e.die.short_resistance if ("short", r, c) in wrong else ohms[r, c]
        if ("open", r, c) not in wrong:
            net.connect(("above", r, c), ("below", r, c), float(junction))
        if ("bridged_rows", r, c) in wrong:
            net.connect(("row", r, c), ("row", r + 1, c), e.die.bridge_resistance)
        if ("bridged_columns", r, c) in wrong:
            net.connect(("column", r, c), ("column", r, c + 1), e.die.bridge_resistance)
    return net


def held(e: Experiment, vector: int = 0) -> dict[Hashable, float]:
    """Voltages of the drivers and the read-outs of one vector, all lines in use, V."""
    rows = {("in", r): float(v) for r, v in enumerate(e.stimulus.volts[vector])}
    return rows | {("out", c): 0.0 for c in range(e.crossbar.columns)}


def column_currents(e: Experiment) -> np.ndarray:
    """Current out of each column, A [vector, column]."""
    net = of_array(e)
    solved = [net.currents(held(e, k)) for k in range(len(e.stimulus.volts))]
    return np.array([[-one["out", c] for c in range(e.crossbar.columns)] for one in solved])


def _line(net: Network, nodes: list[Hashable], end: Hashable, line: Line, *, dead: bool) -> None:
    if not dead:
        net.connect(end, nodes[0], line.end)
        if line.ends == "both":
            net.connect(end, nodes[-1], line.end)
    for a, b in pairwise(nodes):
        net.connect(a, b, line.r)
