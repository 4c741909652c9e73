"""What is removed from an output folder: what we wrote there, and nothing else."""

import hashlib
import json
import os

import pytest

from mtjspice.data.files import write_text
from mtjspice.data.outputs import MANIFEST, Outputs


def run(folder, **files: str) -> list[str]:
    """A run that writes texts into ``worst``; the names that they got."""
    outputs = Outputs(folder)
    names = [outputs.write(f"worst/{name}.cir", text) for name, text in files.items()]
    write_text(folder / MANIFEST, json.dumps({"spec": "of it", "files": outputs.close()}))
    return names


def contents(folder) -> dict[str, str]:
    found = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    return {name: p.read_text() for name, p in found.items() if name != MANIFEST}


def listed(folder) -> dict[str, str]:
    return json.loads((folder / MANIFEST).read_text())["files"]


def listing(folder, **files: str) -> None:
    """A manifest that somebody hands over."""
    (folder / MANIFEST).write_text(json.dumps({"files": files}))


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_what_an_earlier_run_wrote_is_replaced_or_removed(tmp_path):
    assert run(tmp_path, a="1", b="2") == ["worst/a.cir", "worst/b.cir"]
    assert listed(tmp_path) == {"worst/a.cir": sha("1"), "worst/b.cir": sha("2")}
    run(tmp_path, b="3", c="4")
    assert contents(tmp_path) == {"worst/b.cir": "3", "worst/c.cir": "4"}
    assert listed(tmp_path) == {"worst/b.cir": sha("3"), "worst/c.cir": sha("4")}
    run(tmp_path)
    assert contents(tmp_path) == {}


def test_files_of_the_user_stay(tmp_path):
    (tmp_path / "worst").mkdir()
    for name in ("mine.cir", "b.cir", "failures.txt"):
        (tmp_path / "worst" / name).write_text("mine")
    run(tmp_path, a="1")
    run(tmp_path)
    assert contents(tmp_path) == {
        f"worst/{name}": "mine" for name in ("mine.cir", "b.cir", "failures.txt")
    }


def test_a_file_of_ours_that_the_user_changed_stays(tmp_path):
    run(tmp_path, a="1", b="2")
    (tmp_path / "worst" / "a.cir").write_text("mine now")
    run(tmp_path)
    assert contents(tmp_path) == {"worst/a.cir": "mine now"}


def test_a_name_that_a_file_of_the_user_has_is_not_taken(tmp_path):
    (tmp_path / "worst").mkdir()
    (tmp_path / "worst" / "a.cir").write_text("mine")
    assert run(tmp_path, a="1") == ["worst/a-2.cir"]
    assert run(tmp_path, a="2") == ["worst/a-2.cir"]
    (tmp_path / "worst" / "a-2.cir").write_text("mine, too")
    assert run(tmp_path, a="2") == ["worst/a-3.cir"]
    assert contents(tmp_path) == {
        "worst/a.cir": "mine", "worst/a-2.cir": "mine, too", "worst/a-3.cir": "2"
    }  # fmt: skip


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_neither_read_nor_replaced(tmp_path, make):
    (tmp_path / "worst").mkdir()
    make(tmp_path / "worst" / "a.cir")
    assert run(tmp_path, a="1") == ["worst/a-2.cir"]


def test_the_same_file_twice_in_a_run_is_one(tmp_path):
    outputs = Outputs(tmp_path)
    assert [outputs.write("a.cir", text) for text in "12"] == ["a.cir", "a.cir"]
    assert contents(tmp_path) == {"a.cir": "2"}


def test_a_run_that_is_cut_off_leaves_nothing_that_the_next_one_does_not_know(tmp_path):
    run(tmp_path, a="1", b="2")
    Outputs(tmp_path).write("worst/c.cir", "3")  # and no more
    assert json.loads((tmp_path / MANIFEST).read_text())["spec"] == "of it"
    run(tmp_path, a="4")
    assert contents(tmp_path) == {"worst/a.cir": "4"}


@pytest.mark.parametrize(
    "name",
    ["../theirs.txt", "worst/../../theirs.txt", "/theirs.txt", "link/theirs.txt", "link.txt", "",
     ".", "..", "a\0b", "worst/link.cir"],
)  # fmt: skip
def test_a_manifest_cannot_name_files_elsewhere(tmp_path, name):
    out, theirs = tmp_path / "out", tmp_path / "theirs.txt"
    (out / "worst").mkdir(parents=True)
    theirs.write_text("theirs")
    (out / "link").symlink_to("..")
    (out / "link.txt").symlink_to("../theirs.txt")
    (out / "worst" / "link.cir").symlink_to("../../theirs.txt")
    name = str(theirs) if name == "/theirs.txt" else name
    listing(out, **{name: sha("theirs")})
    run(out, a="1")
    assert theirs.read_text() == "theirs"
    assert (out / "link.txt").is_symlink()
    assert (out / "worst" / "link.cir").is_symlink()


@pytest.mark.parametrize(
    "text",
    ["", "no JSON", "[]", "3", "{}", '{"files": []}', '{"files": {"worst/mine.cir": 3}}',
     '{"files": {"worst/mine.cir": ""}}', '{"files": {"worst": ""}}', "[" * 100_000],
)  # fmt: skip
def test_a_manifest_of_something_else_lists_nothing(tmp_path, text):
    (tmp_path / "worst").mkdir()
    (tmp_path / "worst" / "mine.cir").write_text("mine")
    (tmp_path / MANIFEST).write_text(text)
    run(tmp_path, a="1")
    assert contents(tmp_path) == {"worst/mine.cir": "mine", "worst/a.cir": "1"}


def test_a_manifest_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / MANIFEST)
    run(tmp_path, a="1")
    assert listed(tmp_path) == {"worst/a.cir": sha("1")}


def test_names_of_files_that_are_no_text_are_written_as_they_are_spelled(tmp_path):
    odd = tmp_path / os.fsdecode(b"nou\xff8")
    text = f"* of {odd / 'spec.toml'}"
    (name,) = run(odd, a=text)
    assert (odd / name).read_text() == text.replace("\udcff", r"\udcff")
    assert listed(odd) == {name: sha(text.replace("\udcff", r"\udcff"))}
    assert run(odd, a=text) == [name]  # its checksum is that of the file
