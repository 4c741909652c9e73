"""The form that the result of an experiment has, told without simulating it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from mtjspice.collect.label import instants
from mtjspice.data.results import Form
from mtjspice.netlist.drivers import pulsed_gates
from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.experiment import Experiment


def form_of(experiment: Experiment) -> Form:
    """What `mtjspice.collect.label.label` gives for an experiment."""
    analysis, periphery = experiment.analysis, experiment.periphery
    timed, latched = isinstance(analysis, TransientRead), periphery.latch is not None
    amplified = periphery.amplifier is not None
    coordinates: dict[str, npt.NDArray[Any]] = {
        "input_line": np.arange(experiment.crossbar.rows, dtype=np.int64),
        "output_line": np.array(experiment.sensed_columns, dtype=np.int64),
    }
    if isinstance(analysis, TransientRead):
        coordinates["time"] = instants(analysis)
    axes = {"vector": len(experiment.stimulus.volts)}
    leading = axes | ({"time": coordinates["time"].size} if timed else {})
    output, (rows, columns) = (
        {"output_line": len(experiment.sensed_columns)},
        experiment.crossbar.shape,
    )
    found = {
        "current": leading | output,
        "input_current": leading | {"input_line": rows},
        "amplifier_voltage": leading | output if amplified else None,
        "sense_voltage": leading | output if latched else None,
        "cell_voltage": leading | {"row": rows, "column": columns}
        if experiment.observe == "cells"
        else None,
    }
    for name in ("decision", "decision_time", "decision_energy"):
        found[name] = axes | output if latched and timed else None
    settles = isinstance(analysis, TransientRead) and analysis.settles
    for name in ("settling_time", "recovery_time"):
        found[name] = axes | output if settles else None
    found["gate_energy"] = axes if pulsed_gates(experiment) else None
    variables = {n: (tuple(d), tuple(d.values())) for n, d in found.items() if d is not None}
    return Form(variables, coordinates, clipped=amplified)
