"""Every periphery block does on its bench what `models/README.md` says of it."""

import pytest

from mtjspice.data.assets import folder
from mtjspice.errors import SimulationError
from mtjspice.spice.ngspice.bench import run_bench

pytestmark = pytest.mark.ngspice

BENCHES = sorted((folder("netlists") / "benches").glob("*.cir"))
QUICK = [bench for bench in BENCHES if bench.stem != "sense_strongarm_offset"]

BOUNDS = {
    "driver": {
        "settle_c_far_0.1pc": (1e-9, 30e-9),
        "rout_c": (0.1, 5.0),
        "pm_c": (60.0, 120.0),
        "overshoot_c": (0.0, 0.01),
    },
    "mux_pass": {"ron_1.65": (50.0, 200.0), "leak_off": (0.0, 1e-10), "t_on": (1e-11, 2e-9)},
    "sense_strongarm": {
        "correct": (1.0, 1.0),
        "delay_175_10000": (20e-12, 150e-12),
        "energy": (5e-15, 60e-15),
    },
    "tia_cmos": {
        "gain": (-2002.0, -1990.0),
        "r_in": (0.1, 5.0),
        "bw_100": (2e7, 5e8),
        "pm_1000": (45.0, 120.0),
        "clip_low": (0.0, 0.4),
        "clip_high": (2.9, 3.3),
    },
    "tia_macro": {
        "gain": (-2000.5, -1999.0),
        "r_in": (0.15, 0.25),
        "bw_100": (5e7, 2e8),
        "clip_low": (0.0, 0.05),
        "clip_high": (3.25, 3.3),
    },
    "write_driver": {"v_cell_p_5k": (0.8, 0.9), "v_cell_n_5k": (0.8, 0.9), "rise_p_5k": (0, 5e-10)},
}


@pytest.mark.parametrize("bench", QUICK, ids=lambda path: path.stem)
def test_a_block_is_what_it_is_said_to_be(bench, tmp_path):
    result = run_bench(bench, tmp_path)
    assert all(len(values) > 10 for wave in result.waves.values() for values in wave.values())
    for name, (low, high) in BOUNDS.get(bench.stem, {}).items():
        assert low <= result.figures[name] <= high, name


@pytest.mark.parametrize("bench", ["cards_12", "cards_33"])
@pytest.mark.parametrize("channel", ["n", "p"])
@pytest.mark.parametrize("celsius", ["-40", "27", "125"])
def test_on_currents_are_ordered_by_corner(bench, channel, celsius, card_figures):
    ion = {c: card_figures[bench][f"ion_{channel}_{c}_{celsius}"] for c in ("ff", "tt", "ss")}
    assert ion["ff"] > ion["tt"] > ion["ss"] > 0


@pytest.fixture(scope="module")
def card_figures(tmp_path_factory):
    """Figures of both card benches."""
    benches = [bench for bench in BENCHES if bench.stem.startswith("cards")]
    return {b.stem: run_bench(b, tmp_path_factory.mktemp(b.stem)).figures for b in benches}


@pytest.mark.slow
def test_the_offset_of_the_latch_has_the_spread_that_its_slopes_say(tmp_path):
    bench = folder("netlists") / "benches" / "sense_strongarm_offset.cir"
    figures = run_bench(bench, tmp_path).figures
    sigma, error = figures["offset_sigma"], figures["offset_sigma_error"]
    assert abs(sigma / figures["offset_sigma_linear"] - 1) < 3 * error
    assert abs(figures["offset_mean"]) < 3 * sigma / figures["samples"] ** 0.5


def test_a_bench_that_fails_keeps_its_folder_and_log(tmp_path):
    bench = tmp_path / "broken.cir"
    bench.write_text("broken\nR1 a 0 nothing\n.end\n")
    with pytest.raises(SimulationError, match=r"broken.cir ended with") as caught:
        run_bench(bench, tmp_path)
    assert caught.value.run_dir == tmp_path
    assert (tmp_path / "broken.log").exists()
