"""The worked examples of docs/layout.md come to the verdicts that it tells."""

import pytest

from mtjspice.layout.run import run_layout
from mtjspice.spec import Layout, read_spec
from mtjspice.verdicts.figures import Verdict

pytestmark = [pytest.mark.ngspice, pytest.mark.slow]


@pytest.mark.parametrize(
    ("file", "broken"),
    [
        ("passive15/layout.toml", {"half_select"}),
        ("passive15/slow_writes.toml", set()),
        ("gated25/layout.toml", set()),
    ],
)
def test_an_example_comes_to_its_verdict(file, broken, repository, tmp_path):
    layout = read_spec(repository / "examples" / file, Layout)
    story = run_layout(layout, tmp_path, quick=True)
    assert {line.quantity.name for line in story.judged if line.holds is False} == broken
    assert story.verdict == (Verdict.FAIL if broken else Verdict.PASS)
    assert all(figure.holds is not False for figure in story.figures)


def test_the_large_gated_array_passes(repository, tmp_path):
    layout = read_spec(repository / "examples" / "gated64" / "layout.toml", Layout)
    story = run_layout(layout, tmp_path, quick=True)
    assert story.verdict is Verdict.PASS
    assert story.scaling.largest is not None
    assert story.scaling.largest.rows >= 64
