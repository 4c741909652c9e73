"""Make the pictures of docs/periphery.md from the test benches.

python docs/periphery.py
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from mtjspice.data.assets import folder
from mtjspice.report.canvas import IDEAL, SPICE, as_svg, picture
from mtjspice.spice.ngspice.bench import BenchResult, run_bench

HERE = Path(__file__).parent


def bench(name: str) -> BenchResult:
    """Run one bench."""
    with tempfile.TemporaryDirectory() as here:
        return run_bench(folder("netlists") / "benches" / f"{name}.cir", Path(here))


def draw(name: str, columns: int, paint: Callable[[list[Axes]], None]) -> None:
    """Paint and keep one picture."""
    with picture(4.8 * columns, 3.5, columns) as (canvas, axes):
        paint(axes)
        for axis in axes:
            axis.grid(alpha=0.3)
        (HERE / "periphery" / f"{name}.svg").write_text(as_svg(canvas), encoding="utf-8")


def amplifiers() -> None:
    """Transfer and impedance of both transimpedance amplifiers."""
    cmos, macro = bench("tia_cmos").waves, bench("tia_macro").waves

    def paint(axes: list[Axes]) -> None:
        for waves, name, colour, style in (
            (macro, "tia_macro", IDEAL, "--"),
            (cmos, "tia_cmos", SPICE, "-"),
        ):
            dc, ac = waves[f"{name}_dc"], waves[f"{name}_ac"]
            axes[0].plot(1e3 * dc["i-sweep"], dc["v(out)"], style, color=colour, label=name)
            axes[1].semilogx(ac["frequency"], ac["z"], style, color=colour, label=name)
        axes[0].set(xlabel="current out of the line, mA", ylabel="output, V")
        axes[1].set(xlabel="frequency, Hz", ylabel="|transimpedance|, Ω")
        axes[0].set_title("linear to ±0.7 mA, then it clips")
        axes[1].set_title("80 and 100 MHz with 1 pF at the input")
        axes[0].legend(frameon=False)

    draw("amplifiers", 2, paint)


def latch() -> None:
    """A decision, and the distribution of the offset."""
    wave = bench("sense_strongarm").waves["sense_strongarm"]
    offset = bench("sense_strongarm_offset")
    volts = 1e3 * offset.waves["sense_strongarm_offset"]["offset_V"]

    def paint(axes: list[Axes]) -> None:
        time = 1e9 * wave["time"]
        axes[0].plot(time, wave["v(ck)"], ":", color="k", lw=1, label="clock")
        axes[0].plot(time, wave["v(op)"], color=SPICE, label="op")
        axes[0].plot(time, wave["v(on)"], "--", color=IDEAL, label="on")
        axes[0].set(xlabel="time, ns", ylabel="V", title="decisions of the latch")
        axes[0].set_xlim(0.4, 3.2)
        axes[0].legend(frameon=False, loc="center right")
        axes[1].hist(volts, bins=25, color=IDEAL)
        sigma = 1e3 * offset.figures["offset_sigma"]
        axes[1].set(xlabel="input-referred offset, mV", ylabel="samples")
        axes[1].set_title(f"offset: sigma {sigma:.1f} mV over {volts.size} samples")

    draw("latch", 2, paint)


def drivers() -> None:
    """Settling of the line driver, and the write driver."""
    line, write = bench("driver").waves["driver"], bench("write_driver").waves["write_driver"]

    def paint(axes: list[Axes]) -> None:
        time = 1e9 * line["time"]
        axes[0].plot(time, line["v(in)"], ":", color="k", lw=1, label="asked for")
        axes[0].plot(time, line["v(cn)"], color=SPICE, label="driver_cmos, near end")
        axes[0].plot(time, line["v(cf)"], "--", color=SPICE, label="driver_cmos, far end")
        axes[0].plot(time, line["v(tf)"], color=IDEAL, label="driver_thevenin, far end")
        axes[0].set(xlabel="time, ns", ylabel="V", title="a line driver settles in 15 ns")
        axes[0].legend(frameon=False, fontsize=9, loc="lower center")
        time = 1e9 * write["time"]
        axes[1].plot(time, 1e6 * write["i_mtj"], color=SPICE)
        axes[1].set(xlabel="time, ns", ylabel="current through 5 kΩ, µA")
        axes[1].set_title("the write driver gives both polarities")

    draw("drivers", 2, paint)


def multiplexer() -> None:
    """On-resistance of the pass gate, and its switching."""
    waves = bench("mux_pass").waves
    on, switch = waves["mux_pass_ron"], waves["mux_pass_tran"]

    def paint(axes: list[Axes]) -> None:
        axes[0].plot(on["v-sweep"], on["ron"], color=SPICE)
        worst = np.max(on["ron"])
        axes[0].set(xlabel="voltage on the line, V", ylabel="on-resistance, Ω")
        axes[0].set_title(f"at most {worst:.0f} Ω from rail to rail")
        time = 1e9 * switch["time"]
        axes[1].plot(time, switch["v(s0)"], ":", color="k", lw=1, label="enable of a0")
        axes[1].plot(time, switch["v(y)"], color=SPICE, label="output")
        axes[1].set(xlabel="time, ns", ylabel="V", title="selects one input or the other in 0.2 ns")
        axes[1].legend(frameon=False)

    draw("multiplexer", 2, paint)


(HERE / "periphery").mkdir(exist_ok=True)
for block in (amplifiers, latch, drivers, multiplexer):
    block()
