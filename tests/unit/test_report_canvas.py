"""Pictures are the same bytes whatever lies in the working folder or the home."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest
from matplotlib.axis import Axis

from mtjspice.report.canvas import as_svg, picture

SCRIPT = """
import sys
from mtjspice.report.canvas import as_svg, picture
with picture(8, 3, columns=2) as (canvas, (left, right)):
    left.loglog([1, 2, 300], [3, 1, 2], label="a line")
    left.legend()
    right.imshow([[1, 2], [3, 4]], cmap="autumn")
    sys.stdout.write(as_svg(canvas))
"""
HOSTILE = """
text.usetex: True
text.latex.preamble: \\immediate\\write18{touch latex-ran}
text.parse_math: True
font.size: 40
font.family: serif
lines.linewidth: 9
axes.facecolor: red
axes.prop_cycle: cycler('color', ['r'])
image.origin: lower
image.cmap: gray
image.lut: 2
savefig.bbox: tight
savefig.dpi: 7
svg.fonttype: none
svg.hashsalt: theirs
path.sketch: 10, 20, 30
backend: module://hostile
"""


def drawn_in(folder, **environment) -> str:
    """The pictures of the script, drawn by a Python of its own in a folder."""
    folder.mkdir(exist_ok=True)
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("MPL", "MATPLOTLIB", "XDG"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        cwd=folder, env=plain | environment, capture_output=True, text=True, check=True, timeout=99,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> str:
    """The pictures, where nothing lies around."""
    return drawn_in(tmp_path_factory.mktemp("plain"))


@pytest.fixture
def folder(tmp_path):
    """A working folder with a module that must not be loaded."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "hostile.py").write_text("open('ran', 'w').close()")
    return here


def test_pictures_do_not_depend_on_a_file_of_the_working_folder(plain, folder):
    (folder / "matplotlibrc").write_text(HOSTILE)
    assert drawn_in(folder) == plain
    assert sorted(path.name for path in folder.iterdir()) == ["hostile.py", "matplotlibrc"]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00no text", None], ids=["no text", "a pipe"])
def test_a_file_that_cannot_be_read_keeps_nothing_from_starting(plain, folder, content):
    path = folder / "matplotlibrc"
    os.mkfifo(path) if content is None else path.write_bytes(content)
    assert drawn_in(folder) == plain


def test_pictures_do_not_depend_on_a_file_that_the_environment_or_the_home_has(
    plain, folder, tmp_path
):
    (tmp_path / "matplotlibrc").write_text(HOSTILE)
    assert drawn_in(folder, MATPLOTLIBRC=str(tmp_path)) == plain
    assert drawn_in(folder, MPLCONFIGDIR=str(tmp_path)) == plain


def labelled(text: str) -> str:
    """A picture with a text in every place that takes one."""
    with picture(4, 3) as (canvas, (axis,)):
        axis.plot([0, 1], [1, 2], label=text)
        axis.set_xticks([0, 1], [text, "other"])
        axis.set_title(text)
        axis.set_xlabel(text)
        axis.annotate(text, (0.5, 1.5))
        axis.legend()
        return as_svg(canvas)


def test_pictures_do_not_depend_on_what_else_was_set_and_leave_it_as_it_was():
    first = labelled("a class")
    with mpl.rc_context({"font.size": 40, "lines.linewidth": 9, "axes.facecolor": "red"}):
        assert labelled("a class") == first
        assert mpl.rcParams["font.size"] == 40
        assert mpl.rcParams["text.parse_math"]


@pytest.mark.parametrize(
    "text",
    [
        r"$\frac$", "$", "$$", "$a$ and $b$", r"\$5", "100 % $x_{", "<script>alert(1)</script>",
        "--> <b>", "]]> & &amp;", "'\"", "a\nb", "bell \x07",
    ],
)  # fmt: skip
def test_what_users_name_is_text_and_no_formula_and_no_markup(text):
    svg = labelled(text)
    tags = {element.tag.split("}")[1] for element in ET.fromstring(svg).iter()}
    assert not tags & {"script", "b", "foreignObject"}
    assert svg.count("<!--") == svg.count("-->")


def test_a_text_with_dollars_is_drawn_with_them():
    places = 5
    assert labelled("$a$").count("<use ") == labelled("a").count("<use ") + 2 * places


def test_letters_that_the_font_lacks_are_drawn_as_boxes():
    assert labelled("\u4e00") != labelled("a")


@pytest.mark.parametrize(("base", "words"), [(10, ["10⁻³", "10⁻²", "10⁻¹"]), (2, ["2⁻⁴", "2⁻²"])])
def test_powers_are_written_in_plain_characters(base, words):
    with picture(4, 3) as (canvas, (axis,)):
        axis.plot([1, 2], [1e-3, 0.4])
        axis.set_yscale("log", base=base)
        svg = as_svg(canvas)
        told = [
            label.get_text() for axis in canvas.findobj(Axis) for label in axis.get_ticklabels()
        ]
    assert set(words) <= set(told)
    assert "mathdefault" not in svg
    assert "mathdefault" not in "".join(told)


def test_ticks_between_powers_are_written_in_plain_characters():
    with picture(4, 3) as (canvas, (axis,)):
        axis.semilogy([1, 2], [2e-3, 5e-3])
        as_svg(canvas)
        told = [label.get_text() for label in axis.get_yticklabels(minor=True)]
    assert "3×10⁻³" in told
