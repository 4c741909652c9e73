"""Options that mean nothing are refused by name; files that are no files end no command late."""

import os
from pathlib import Path

import numpy as np
import pytest
from unit.builders import EXPERIMENT, STUDY
from unit.commands import assert_refused, caller

from mtjspice import run_signoff, run_study
from mtjspice.data.files import make_folder
from mtjspice.data.mnist import find_mnist, read_small_digits
from mtjspice.errors import InputError
from mtjspice.reproduce.subjects import goodwill_subject
from mtjspice.signoff.from_files import images_of

THEIRS = STUDY.replace('kind = "trained"\nepochs = 2\nrestarts = 1', 'kind = "solutions"')
THEIRS += "[data]\nkind = 'wine_nist'\n"
LAYOUT = "name = 'a'\n[crossbar]\nrows = 4\ncolumns = 4\n"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (("study", STUDY), ("theirs", THEIRS), ("array", EXPERIMENT),
                       ("layout", LAYOUT)):  # fmt: skip
        Path(f"{name}.toml").write_text(text)
    os.mkfifo("pipe")
    return tmp_path


@pytest.fixture
def mtjspice(folder, monkeypatch, capsys):
    return caller(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("run study.toml --solutions theirs", ("--solutions = 'theirs'", "trains its network")),
        ("run study.toml --solutions pipe", ("--solutions = 'pipe'", "trains its network")),
        ("run theirs.toml --solutions . --seed 3", ("--seed = 3", "nothing is drawn")),
        ("run theirs.toml --solutions . --only 3 --only 3", ("--only = [3, 3]", "twice")),
        ("run theirs.toml --solutions pipe", ("pipe", "must be a folder")),
        ("layout layout.toml layout.toml", ("layout.toml", "named twice")),
        ("layout layout.toml ./layout.toml", ("layout.toml", "named twice")),
        ("simulate pipe", ("pipe", "it is a pipe, not a file")),
        ("simulate /dev/zero", ("/dev/zero", "it is a device, not a file")),
        ("layout pipe", ("pipe", "not a file")),
        ("signoff pipe --dies pipe", ("pipe",)),
        ("signoff array.toml --dies pipe", ("array.toml",)),
        ("signoff . --dies . --spec pipe", ("pipe", "not a file")),
        ("reproduce goodwill2022 --solutions pipe", ("pipe", "must be a folder")),
        ("simulate array.toml --out pipe", ("pipe", "not a folder that can be written")),
        ("netlist array.toml --out array.toml/b", ("array.toml/b", "not a folder")),
        (f"netlist array.toml --out {'a' * 5000}", ("File name too long",)),
        ("netlist array.toml --out /proc/a", ("/proc/a", "not a folder that can be written")),
    ],
)
def test_what_cannot_be_meant_is_refused(mtjspice, folder, command, words):
    assert_refused(mtjspice(*command.split(" ")), folder, *words)


def test_a_name_with_nul_is_refused(mtjspice, folder):
    answer = mtjspice("netlist", "array.toml", "--out", "a\0b")
    assert answer.code == 2
    assert "embedded null byte" in answer.err
    with pytest.raises(InputError, match="not a folder that can be written: embedded null byte"):
        make_folder(Path("a\0b"))


@pytest.mark.parametrize(
    "option", ["--jobs 40000", "--jobs 257", "--jobs -1", "--seed 1e30", "--only -1", "--seed x"]
)
def test_numbers_out_of_range_are_refused_by_the_option(mtjspice, folder, option):
    answer = mtjspice("run", "study.toml", *option.split())
    assert answer.code == 2
    assert option.split()[0] in answer.err
    assert not (folder / "out").exists()


@pytest.mark.parametrize("option", ["--images 0", "--images -3", "--images 1e9"])
def test_no_images_are_refused(mtjspice, folder, option):
    answer = mtjspice("signoff", ".", "--dies", ".", *option.split())
    assert answer.code == 2
    assert "--images" in answer.err


def test_a_seed_that_nothing_is_drawn_from_is_refused(folder):
    with pytest.raises(InputError, match=r"--seed = 3: with --solutions"):
        goodwill_subject(folder / "out", solutions=folder, seed=3)


def test_two_data_sets_at_once_are_refused(folder):
    with pytest.raises(InputError, match=r"--mnist = .*names other images than --digits"):
        find_mnist(folder, folder, digits=True)
    assert find_mnist(None, folder, digits=True) is None


def test_some_images_are_drawn_and_keep_their_numbers():
    digits = read_small_digits()
    every, some, more = (images_of(digits, count, 7) for count in (500, 40, 90))
    assert every.drawn is None
    assert every.source == digits.source
    assert some.source.endswith("; 40 of 500 test images, drawn with seed 7")
    assert len(set(some.numbers)) == len(some.labels) == 40
    assert (np.diff(some.numbers) > 0).all()
    assert some.numbers.max() > 200, "not the first ones"
    assert set(some.numbers) < set(more.numbers)
    assert set(some.numbers) != set(images_of(digits, 40, 8).numbers)
    assert (every.labels[some.numbers] == some.labels).all()
    assert (every.inputs[some.numbers] == some.inputs).all()
    with pytest.raises(InputError, match="--images = 501"):
        images_of(digits, 501)


@pytest.mark.parametrize(
    ("words", "source"),
    [
        (["run", "study.toml", "--out", ""], "--out"),
        (["run", "study.toml", "--out="], "--out"),
        (["run", "theirs.toml", "--solutions", ""], "--solutions"),
        (["run", ""], "the command line"),
        (["simulate", "array.toml", "--out", "", "--json"], "--out"),
        (["signoff", "", "--dies", "."], "the command line"),
        (["signoff", ".", "--dies", ""], "--dies"),
        (["signoff", ".", "--dies", ".", "--mnist="], "--mnist"),
        (["signoff", ".", "--dies", ".", "--card", ""], "--card"),
        (["signoff", ".", "--dies", ".", "--scheduler", ""], "--scheduler"),
        (["layout", "layout.toml", ""], "the command line"),
        (["train", "study.toml", "--start", ""], "--start"),
    ],
)
def test_an_empty_word_is_not_the_folder_that_one_is_in(mtjspice, folder, words, source):
    answer = mtjspice(*words)
    assert_refused(answer, folder, f"{source} = ''", "must not be empty", "is '.'")


def test_an_empty_name_from_python_is_refused_by_the_name_of_its_argument(folder):
    for name, call in {
        "spec": lambda: run_study(""),
        "out": lambda: run_study("study.toml", ""),
        "solutions": lambda: run_study("theirs.toml", solutions=""),
        "dies": lambda: run_signoff("weights", ""),
    }.items():
        with pytest.raises(InputError, match=rf"^{name} = '': must be the name of a file"):
            call()


def test_an_empty_name_of_a_card_is_refused(mtjspice, folder):
    Path("array.toml").write_text(EXPERIMENT + "\n[technology]\ncard = ''\n")
    answer = mtjspice("simulate", "array.toml")
    assert_refused(answer, folder, "technology.card = ''", "the name of a file that ships")
