"""Names in pictures and pages are text, whatever they hold."""

import re
from pathlib import Path

import jinja2
import pytest

from mtjspice.report import page
from mtjspice.report.canvas import as_svg, picture
from mtjspice.report.page import render

TEMPLATES = Path(page.__file__).parent / "templates"
NAMES = ("$x$", r"$\frac$", "$", "a$b$c", r"$\mathrm{", "<script>alert(1)</script>", "a & b")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_picture_is_no_formula(name):
    with picture(4, 3) as (canvas, (axis,)):
        axis.loglog([1, 10], [1, 10], label=name)
        axis.set_title(name)
        axis.set_xlabel(name)
        axis.set_yticks([1, 10], [name, "other"])
        axis.legend()
        svg = as_svg(canvas)
    assert "<script" not in svg
    # Each glyph is a definition of its own: a formula would have dropped the dollar signs.
    assert svg.count(f"<!-- {_comment(name)} -->") == 4


def _comment(name: str) -> str:
    """How matplotlib writes a text beside its glyphs."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.j2")), ids=lambda path: path.name)
def test_no_template_lets_markup_through(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\|\s*safe\b|autoescape", text)
    assert not re.search(r"<[^>]*=\s*\{\{", text)  # attributes stand in quotes


def test_pages_escape_what_they_are_given(tmp_path, monkeypatch):
    (tmp_path / "one.j2").write_text('<p title="{{ name }}">{{ name }}</p>')
    monkeypatch.setattr(jinja2, "PackageLoader", lambda _: jinja2.FileSystemLoader(tmp_path))
    assert (
        render("one.j2", name="\"<b>'") == '<p title="&#34;&lt;b&gt;&#39;">&#34;&lt;b&gt;&#39;</p>'
    )
