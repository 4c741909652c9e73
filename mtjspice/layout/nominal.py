"""Single analyses of a layout under nominal conditions, for those who look at one quantity."""

import numpy as np

from mtjspice.collect.simulator import Simulator
from mtjspice.layout.access import Fitted, fit_conditions
from mtjspice.layout.circuit import nominal_condition
from mtjspice.layout.disturb import write_findings, write_plan
from mtjspice.layout.fast import settling
from mtjspice.layout.findings import Finding
from mtjspice.layout.read import measure, worst_patterns
from mtjspice.layout.scale import of_size
from mtjspice.layout.sense import MOST_LINES, Margins, margins, worst_reads
from mtjspice.spec.layout import Layout


class NominalLayout:
    """A layout under its nominal condition, one analysis at a time.

    `mtjspice.run_layout` does all of them under every condition, and judges. Here are those that
    are asked most, in a loop over designs or sizes.

    Args:
        layout: what is looked at.
        simulator: SPICE, for the access transistors of gated cells and for writes.
        fitted: what is known of the access transistors; found from sweeps of one cell if left out.

    Attributes:
        layout, simulator, fitted: the same.

    Example:
        >>> from mtjspice import Layout, NominalLayout, Simulator, read_spec
        >>> layout = read_spec("examples/passive15/layout.toml", Layout)
        >>> with Simulator(jobs=1) as simulator:  # with SPICE
        ...     smaller = NominalLayout(layout, simulator).of_size(8)
        >>> 0 < smaller.settling() < 1e-9
        True
    """

    def __init__(self, layout: Layout, simulator: Simulator, fitted: Fitted | None = None):
        self.layout, self.simulator = layout, simulator
        condition = nominal_condition(layout)
        self.fitted = fitted or fit_conditions(layout, [condition], simulator)[condition]

    def of_size(self, rows: int) -> "NominalLayout":
        """The same cells in an array of so many rows, and of columns in proportion.

        Raises:
            ValueError: if what has to be told apart (``sense``) does not fit so few rows.
        """
        return NominalLayout(of_size(self.layout, rows), self.simulator, self.fitted)

    def ir_drops(self) -> dict[str, float]:
        """Share of the read voltage that the worst cell misses, by pattern of states.

        Among the patterns are those that a search finds worst.
        """
        patterns = worst_patterns(self.layout, self.fitted)
        worst = measure(self.layout, self.fitted, np.stack(list(patterns.values())))
        return dict(zip(patterns, map(float, worst.values["ir_drop"]), strict=True))

    def margins(self, searched: int = MOST_LINES) -> Margins:
        """Margins of all output lines in their hardest reads, with the threshold in the middle.

        Args:
            searched: so many lines at most, spread over the array, have a search of their own.
        """
        hardest = worst_reads(self.layout, self.fitted, most=searched)
        return margins(self.layout, self.fitted, hardest, threshold=None)

    def settling(self, capacitance: float = 0.0) -> float:
        """Time until all outputs have settled, s, by the linear network of wires.

        Args:
            capacitance: that each access device adds to its output line, F.
        """
        return settling(self.layout, self.fitted, capacitance)

    def writes(self) -> dict[str, Finding]:
        """What the pulses do to the cells that wires hit hardest, and to others, by quantity.

        Raises:
            SimulatorError: if the simulator is missing or fails.
        """
        plan = write_plan(self.layout)
        results = self.simulator.run([write.experiment for write in plan])
        found = write_findings(self.layout, nominal_condition(self.layout), plan, results)
        return {finding.quantity: finding for finding in found}
