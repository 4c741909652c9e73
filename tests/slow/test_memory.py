"""What the ten minutes of the ordinary tests have no room for."""

import os

import numpy as np
import pytest

from mtjspice.collect import WorkerPool
from mtjspice.netlist import build_deck
from mtjspice.spec import Crossbar, Experiment, Line, ProgrammedTile, Stimulus
from mtjspice.spice.backends import run_deck

pytestmark = [pytest.mark.ngspice, pytest.mark.slow]


def test_memory_is_flat_over_500_arrays():
    rng = np.random.default_rng(0)
    with WorkerPool(1) as pool:
        pid = pool.submit(os.getpid).result()
        resident = []
        for _ in range(500):
            experiment = Experiment(
                crossbar=Crossbar(
                    rows=15, columns=15, row=Line(resistance=5.0), column=Line(resistance=5.0)
                ),
                tile=ProgrammedTile(states=rng.integers(0, 2, (15, 15))),
                stimulus=Stimulus(volts=rng.random((20, 15)) * 0.1),
                observe="cells",
            )
            pool.submit(run_deck, build_deck(experiment)).result()
            with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123, not a file on a disk
                resident.append(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    assert resident[-1] - resident[20] < 5e6
