"""Generated files are what the code would write now, and ngspice runs them as they are."""

import subprocess

import numpy as np
import pytest
from reference.raw import read_raw

from mtjspice.device import conductance
from mtjspice.netlist.golden import differences, golden_experiments
from mtjspice.spec import Mtj

CARD_BENCH = """card against the closed form
.include {card}
Vsweep in 0 0
X1 in a mtj_p rp=4k c=0.3
X2 in b mtj_ap rp=4k tmr0=1.4 vh=0.4
V1 a 0 0
V2 b 0 0
.dc Vsweep -0.5 0.5 0.05
.print dc i(V1) i(V2)
.end
"""


AT_REST = [n for n, e in golden_experiments().items() if e.analysis.kind == "dc"]


def test_golden_files_are_up_to_date():
    assert differences() == []


@pytest.mark.ngspice
@pytest.mark.parametrize("name", AT_REST)
def test_plain_ngspice_runs_a_golden_netlist(ngspice, repository, simulator, name):
    experiment = golden_experiments()[name]
    raw = ngspice(repository / "netlists" / f"{name}.cir")
    current = np.stack([raw[f"i(vcol{c})"] for c in experiment.sensed_columns], axis=1)
    expected = simulator.run([experiment])[0]["current"].to_numpy()
    assert current == pytest.approx(expected, rel=1e-7)


@pytest.mark.ngspice
def test_the_card_is_the_closed_form(ngspice, repository, tmp_path):
    bench = tmp_path / "card.cir"
    bench.write_text(CARD_BENCH.format(card=repository / "models" / "mtj.lib"))
    raw = ngspice(bench)
    volts = raw["v(v-sweep)"]
    parallel = conductance.current(volts, 0, 4e3, 1.4, Mtj(c_parallel=0.3))
    antiparallel = conductance.current(volts, 1, 4e3, 1.4, Mtj(v_half=0.4))
    assert raw["i(v1)"] == pytest.approx(parallel, rel=1e-12, abs=1e-18)
    assert raw["i(v2)"] == pytest.approx(antiparallel, rel=1e-12, abs=1e-18)


@pytest.fixture
def ngspice(tmp_path):
    """Run the ngspice program on a netlist; the vectors of its raw file."""

    def run(netlist) -> dict[str, np.ndarray]:
        raw = tmp_path / "out.raw"
        command = ["ngspice", "-b", "-r", str(raw), str(netlist)]
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=60)
        return read_raw(raw)

    return run
