"""Netlists of worst cases: plain SPICE prints what the report states."""

import re
import subprocess

import numpy as np
import pytest
from test_layout_run import GATED, PASSIVE

from mtjspice.layout.circuit import nominal_condition, under
from mtjspice.layout.latch import latch_offset
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.timing import timed
from mtjspice.spec import Layout, parse_spec
from mtjspice.spice.ngspice.simulate import measured

pytestmark = pytest.mark.ngspice


def plain(netlist, folder) -> tuple[str, dict[str, float]]:
    """What plain SPICE prints of a netlist, and its measurements."""
    done = subprocess.run(
        ["ngspice", "-b", str(netlist)], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout, measured(done.stdout)


def test_gates_take_c_v_squared_of_what_ngspice_charges_them_with(simulator, tmp_path):
    """Against a netlist by hand: one gate line of three cells, opened and closed by a pulse."""
    layout = parse_spec(GATED, Layout)
    states = named_patterns(layout.crossbar.shape)["checkerboard"]
    analysis = layout.timing.analysis.replace(gates="pulsed")
    (result,) = simulator.run([timed(layout, states, analysis)])
    card = (simulator_models() / "cmos33_bsim4.lib").resolve()
    width, length = layout.crossbar.cell.access.width, layout.crossbar.cell.access.length
    volts = layout.crossbar.cell.gate_volts
    cells = "\n".join(
        f"Rj{k} row x{k} {5e3 * (1 + k % 2)}\nMn{k} x{k} g{k} s{k} 0 nmos_33 w={width} l={length}\n"
        f"Rs{k} s{k} 0 3.05k\nRg{k} {'gate' if k == 0 else f'g{k - 1}'} g{k} 10\nCg{k} g{k} 0 0.3f"
        for k in range(3)
    )
    (tmp_path / "hand.cir").write_text(
        f"* one gate line by hand\n.lib '{card}' tt\n.temp 27\n{cells}\n"
        "Vrow row 0 pwl(0 0 0.05n 0.2 1.5n 0.2 1.55n 0 3n 0)\n"
        f"Vgate gate 0 pwl(0 0 0.05n {volts} 1.5n {volts} 1.55n 0 3n 0)\n"
        f"Bp p 0 V={volts}*max(-i(vgate),0)\n.tran 1p 3n 0 2p\n"
        ".meas tran energy integ v(p) from=0 to=3n\n.save v(p)\n.print tran v(p)\n.end\n"
    )
    _, printed = plain(tmp_path / "hand.cir", tmp_path)
    assert float(result["gate_energy"][0]) == pytest.approx(printed["energy"], rel=0.02)
    # C V² with the capacitance of a channel of 2 µm x 0.35 µm and its overlaps: some femtofarads.
    assert 1e-15 < printed["energy"] / (3 * volts**2) < 8e-15


def simulator_models():
    from mtjspice.data.assets import folder  # noqa: PLC0415, for one test

    return folder("models")


def test_gates_that_stay_on_take_nothing(simulator):
    layout = parse_spec(GATED, Layout)
    states = named_patterns(layout.crossbar.shape)["all P"]
    (result,) = simulator.run([timed(layout, states, layout.timing.analysis)])
    assert "gate_energy" not in result


def test_the_offset_of_the_latch_is_that_of_its_bench(simulator, tmp_path, repository):
    """The bench draws shifts in a program of its own, and also adds up slopes."""
    layout = parse_spec(GATED, Layout)
    text = (repository / "netlists/benches/sense_strongarm_offset.cir").read_text()
    text = text.replace("let n = 200", "let n = 12").replace(
        "../../models", f"{simulator_models()}"
    )
    (tmp_path / "bench.cir").write_text(text)
    printed, _ = plain(tmp_path / "bench.cir", tmp_path)
    figures = dict(re.findall(r"figure (\w+) = (\S+)", printed))
    ours = latch_offset(under(layout, nominal_condition(layout)), 0.175, simulator)
    assert ours == pytest.approx(float(figures["offset_sigma_linear"]), rel=0.02)
    # 12 samples know their sigma to 21 %.
    assert ours == pytest.approx(float(figures["offset_sigma"]), rel=0.6)


@pytest.mark.parametrize("bias", [0.0, 0.1])
def test_junctions_have_the_thermal_noise_of_their_conductance_at_rest(bias, simulator, tmp_path):
    """4kTR by hand, of an AP junction with 3 kΩ, in the netlist of an array of one cell."""
    text = PASSIVE.split("[crossbar.row]")[0].replace("rows = 5", "rows = 1")
    text = text.replace("columns = 4", "columns = 1")
    layout = parse_spec(text, Layout)
    from mtjspice.layout.circuit import read_experiment  # noqa: PLC0415, for one test
    from mtjspice.netlist.deck import build_deck  # noqa: PLC0415

    read = read_experiment(layout, np.ones((1, 1)), (0,))
    read = read.replace(stimulus=read.stimulus.replace(volts=[[bias]]))
    deck = build_deck(read).text
    mtj, kelvin, load = layout.crossbar.cell.mtj, 300.15, 3e3
    # A load between the column and its meter, and the noise of the node between.
    deck = deck.replace("in0 end0", "in0 mid").replace(
        ".dc Vindex 0 0 1", ".noise v(mid) Vrow0 dec 1 1 1"
    )
    deck = re.sub(r"^\.(print|save).*$", "", deck, flags=re.MULTILINE)
    deck = deck.replace("\nVrow0 in0 0 ", "\nRload mid end0 3k\nVrow0 in0 0 dc ")
    deck = re.sub(r"^(Vrow0 .*)$", r"\1 ac 1", deck, flags=re.MULTILINE)
    deck = deck.replace(".end\n", ".print noise onoise_spectrum\n.end\n")
    (tmp_path / "noise.cir").write_text(deck)
    printed, _ = plain(tmp_path / "noise.cir", tmp_path)
    found = float(re.findall(r"^0\s+\S+\s+(\S+)", printed, re.MULTILINE)[-1])
    over = bias
    for _ in range(50):
        amperes = over / (mtj.r_p * (1 + mtj.tmr0 / (1 + (over / mtj.v_half) ** 2)))
        over = bias - load * amperes
    step = 1e-6
    law = [
        v / (mtj.r_p * (1 + mtj.tmr0 / (1 + (v / mtj.v_half) ** 2))) for v in (over, over + step)
    ]
    slope = (law[1] - law[0]) / step
    k = 1.380649e-23
    current = 4 * k * kelvin * (1 / mtj.r_ap + 1 / load)
    assert found == pytest.approx(np.sqrt(current) / (slope + 1 / load), rel=1e-3)
