"""Where pictures are drawn: in the report's style and nothing else's, as SVG text.

matplotlib reads a ``matplotlibrc`` of the working folder or the home; none of it counts here. What
users name is text: a ``$`` in it begins no formula.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import Formatter, LogFormatterMathtext

STYLE: Any = {
    "font.size": 11,
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "mtjspice",  # the same picture is the same bytes
    "figure.constrained_layout.use": True,
}
IDEAL, SPICE = "#35608d", "#e0a100"
"""Blue and amber, far apart in lightness as well as in hue; dashed and solid besides."""
RAISED = str.maketrans("-0123456789.", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹·")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Characters that XML cannot hold, not even escaped."""


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's own defaults and the report's style; what was set before comes back."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


@contextmanager
def picture(width: float, height: float, columns: int = 1) -> Iterator[tuple[Canvas, list[Axes]]]:
    """A canvas in the report's style."""
    with style():
        canvas = Canvas(figsize=(width, height))
        axes = [canvas.add_subplot(1, columns, i + 1) for i in range(columns)]
        yield canvas, axes


def as_svg(canvas: Canvas) -> str:
    """The picture as SVG text, without the date."""
    buffer = io.StringIO()
    with style(), warnings.catch_warnings():
        # A letter that the font lacks is a box; the tables of the page have it.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        for axis in canvas.findobj(Axis):
            _write_powers_plain(axis)
        canvas.savefig(buffer, format="svg", metadata={"Date": None})
    return CONTROL.sub("\ufffd", buffer.getvalue())


class PlainPowers(Formatter):
    """Writes powers of ten in plain characters, where another formatter writes a formula."""

    def __init__(self, formula: Formatter):
        self.formula = formula

    def set_axis(self, axis: Any) -> None:
        """Both look at the same axis."""
        super().set_axis(axis)
        self.formula.set_axis(axis)

    def set_locs(self, locs: list[float]) -> None:
        """Where ticks are."""
        self.formula.set_locs(locs)

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The text of a tick."""
        text = self.formula(x, pos).removeprefix(r"$\mathdefault{").removesuffix("}$")
        text = text.replace(r"\times", "×")
        return re.sub(r"\^\{([^}]*)\}", lambda found: found[1].translate(RAISED), text)


def _write_powers_plain(axis: Axis) -> None:
    for get, put in (
        (axis.get_major_formatter, axis.set_major_formatter),
        (axis.get_minor_formatter, axis.set_minor_formatter),
    ):
        if isinstance(get(), LogFormatterMathtext):
            put(PlainPowers(get()))
