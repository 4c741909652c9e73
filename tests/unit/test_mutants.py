"""The list of named faults is one that can be tried; `tests/slow` tries them."""

import re

import mutants
import pytest
from mutants import MUTANTS, REPOSITORY, MutantError, run_all, spoilt


def test_names_are_names():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_fault_is_a_change_of_code_that_is_there_and_its_test_is_there(mutant):
    text = (REPOSITORY / "mtjspice" / mutant.file).read_text()
    changed = spoilt(text, mutant)
    assert changed != text
    compile(changed, mutant.file, "exec")
    file, name = mutant.test.split("::")
    assert re.search(rf"^def {name}\(", (REPOSITORY / "tests" / file).read_text(), re.MULTILINE)


@pytest.mark.parametrize("old", ["a text that is nowhere", "import"])
def test_a_text_that_is_gone_or_there_twice_is_an_error_before_anything_is_run(old, monkeypatch):
    monkeypatch.setattr(mutants, "_copy", None)
    lost = mutants.Mutant("lost", "device/variation.py", old, "x", MUTANTS[0].test)
    with pytest.raises(MutantError, match=r"lost: .* times in device/variation\.py"):
        run_all([MUTANTS[0], lost])
