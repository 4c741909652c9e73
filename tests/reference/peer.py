"""badcrossbar (D. Joksas, A. Mehonic, SoftwareX 12, 100617 (2020)), a peer solver, on our circuits.

It has one wire segment at each driver and each output: the circuits are those with line ends equal
to the wires.
"""

import logging
import warnings

import numpy as np
import numpy.typing as npt
from reference import cases

from mtjspice.spec import Experiment


def installed() -> bool:
    """Whether it can be imported."""
    with warnings.catch_warnings(record=True):  # it warns that its plotting needs cairo
        try:
            import badcrossbar  # noqa: F401, PLC0415, a peer that need not be installed
        except ImportError:
            return False
    return True


def currents(experiment: Experiment) -> npt.NDArray[np.float64]:
    """Column currents [vector, column], A, of an ohmic array whose line ends equal its wires."""
    import badcrossbar  # noqa: PLC0415

    logging.disable(logging.INFO)
    crossbar = experiment.crossbar
    assert crossbar.row.r == crossbar.row.end
    assert crossbar.column.r == crossbar.column.end
    solution = badcrossbar.compute(
        experiment.stimulus.volts.T,
        1 / cases.array(experiment).ohmic,
        r_i_word_line=crossbar.row.r,
        r_i_bit_line=crossbar.column.r,
    )
    return np.asarray(solution.currents.output)
