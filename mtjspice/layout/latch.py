"""The offset that the latch of the netlists would have, from the mismatch of its own transistors.

Layouts take the offset as a number (`sense.offset`), and latches in netlists are without mismatch.
This says what that number stands in for: a latch whose transistors differ by Pelgrom's law.

The offset is linear in threshold shifts as far as they go here (σ from slopes 24.3 mV, from 200
drawn latches 24.1 mV ± 5 %; models/README.md). So one transient holds twelve latches, one as it is
and one for each transistor that is shifted. Each finds its own offset by successive approximation:
after each of ten decisions a charge of the decided sign and half the size of the one before goes
onto a capacitor, whose voltage is added to the input.
"""

import math
import re

from mtjspice.collect.simulator import Simulator
from mtjspice.netlist.cards import Card, read_card, read_subcircuit
from mtjspice.netlist.readout import LATCH
from mtjspice.netlist.spice_dialect import definition_lines
from mtjspice.spec.cell import Transistor
from mtjspice.spec.layout import Layout
from mtjspice.spec.periphery import SenseAmplifier
from mtjspice.units import format_quantity, parse_quantity

SHIFT = 0.01
"""Of the threshold of one transistor, V."""
DECISIONS, CYCLE = 10, 0.5e-9
"""Of a successive approximation, and the time for each, s: 0.28 ns to decide, the rest to reset."""
LARGEST = 0.064
"""First step of the input, V: offsets up to twice as much are found."""


def latch_offset(layout: Layout, threshold: float, simulator: Simulator) -> float | None:
    """Standard deviation of the offset of a layout's latch, V; the layout is under its condition.

    Args:
        layout: what it is a latch of.
        threshold: common voltage of the latch's inputs, V.
        simulator: where it runs.

    Returns:
        None without a latch, or where its card says nothing of mismatch.

    Raises:
        SimulationError: if SPICE fails.
    """
    periphery = layout.periphery.latch
    if periphery is None:
        return None
    card = read_card(layout.technology.replace(card=periphery.card))
    sigmas = {name: card.threshold_sigma(device) for name, device in transistors().items()}
    if not all(sigmas.values()):
        return None
    text = offset_netlist(card, layout.technology.temperature, periphery, threshold)
    found = simulator.measure(text).result()
    return math.hypot(
        *(
            sigma * (found[f"offset_{name}"] - found["offset"]) / SHIFT
            for name, sigma in sigmas.items()
        )
    )


def transistors() -> dict[str, Transistor]:
    """The transistors of the latch, by the names that its subcircuit gives them."""
    text = read_subcircuit(LATCH)
    defaults = dict(re.findall(r"(\w+)=(\S+)", text.splitlines()[0]))
    size = {name: parse_quantity(value, "m") for name, value in defaults.items()}
    devices = re.findall(r"^(m\w+) .* (\w+) w=\{(\w+)\} l=\{(\w+)\}$", text, re.MULTILINE)
    return {
        name: Transistor(model=model, width=size[width], length=size[length])
        for name, model, width, length in devices
    }


def offset_netlist(card: Card, celsius: float, periphery: SenseAmplifier, threshold: float) -> str:
    """A netlist that measures the offset of the latch, and of one with each transistor shifted."""
    supply, load = format_quantity(periphery.supply), format_quantity(periphery.latch_load)
    kinds = {"": read_subcircuit(LATCH)} | {f"_{name}": _shifted(name) for name in transistors()}
    lines = [
        "* offset of the latch, and of latches with one transistor shifted each",
        ".options reltol=1e-3 method=trap",
        f".temp {format_quantity(celsius)}",
        *definition_lines(card.models.values()),
        f"Vdd vdd 0 {supply}",
        f"Vck ck 0 pulse({supply} 0 0.1n 20p 20p 0.26n {CYCLE!r})",
        f"Vcm cm 0 {format_quantity(threshold)}",
        f"Vstep step 0 {_steps()}",
    ]
    for kind, text in kinds.items():
        inside = text.replace(LATCH, f"{LATCH}{kind}")
        lines += [
            inside,
            f"Bp{kind} inp{kind} 0 V=v(cm)+0.5*v(trim{kind})",
            f"Bn{kind} inn{kind} 0 V=v(cm)-0.5*v(trim{kind})",
            f"X{kind or '0'} inp{kind} inn{kind} ck op{kind} on{kind} vdd 0 {LATCH}{kind}",
            f"Cop{kind} op{kind} 0 {load}",
            f"Con{kind} on{kind} 0 {load}",
            # A pulse of height 1 has 60 ps, and so much current on 1 pF makes the first step.
            f"Bt{kind} trim{kind} 0 I={LARGEST / 60!r}*v(step)*tanh(20*(v(op{kind})-v(on{kind})))",
            f"Ctrim{kind} trim{kind} 0 1p",
            f"Rtrim{kind} trim{kind} 0 80T",
            f".meas tran offset{kind} find v(trim{kind}) at={DECISIONS * CYCLE!r}",
        ]
    nodes = " ".join(f"v(trim{kind})" for kind in kinds)
    end = format_quantity(DECISIONS * CYCLE + 0.1e-9)
    return "\n".join(
        [*lines, f".tran 10p {end}", f".save {nodes}", ".print tran v(trim)", ".end", ""]
    )


def _shifted(name: str) -> str:
    """The latch with the threshold of one transistor shifted."""
    return re.sub(rf"^({name} .*)$", rf"\1 delvto={SHIFT!r}", read_subcircuit(LATCH), flags=re.M)


def _steps() -> str:
    """A pulse at the end of each decision, half as high as the one before."""
    points = ["0 0"]
    for k in range(DECISIONS):
        height = format_quantity(0.5**k)
        for after, level in ((0.27, "0"), (0.29, height), (0.33, height), (0.35, "0")):
            points.append(f"{format_quantity(k * CYCLE + after * 1e-9)} {level}")
    return f"pwl( {' '.join(points)} )"
