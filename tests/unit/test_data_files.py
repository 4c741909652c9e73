import errno
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mtjspice.data.files import (
    inside,
    make_folder,
    remove_stale_parts,
    storing,
    write_text,
    written_whole,
)
from mtjspice.errors import InputError, StorageError

LIMITED = """\
import resource, sys
from pathlib import Path
import numpy as np, xarray as xr
from mtjspice.data.files import write_text
from mtjspice.data.results import load_result, save_result
from mtjspice.errors import StorageError

def text(path, size):
    write_text(path, "x" * size)

def result(path, size):
    save_result(xr.Dataset({"current": ("vector", np.random.rand(size // 8))}), path)

write, path = {"text": text, "result": result}[sys.argv[1]], Path(sys.argv[2])
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
for _ in range(2):
    try:
        write(path, 1_000_000)
    except StorageError as error:
        print(error)
write(path.with_suffix(".small"), 8000)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
write(path.with_suffix(".large"), 1_000_000)
assert sys.argv[1] == "text" or load_result(path.with_suffix(".large")).sizes["vector"] == 125_000
"""
"""Writes more than a file may have, and again when it may."""


def test_a_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "a.txt"
    with written_whole(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("old", [None, "old"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_block_that_raises_leaves_what_was_there(tmp_path, old, error):
    path = tmp_path / "a.txt"
    if old is not None:
        path.write_text(old)

    def write():
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert [p.read_text() for p in tmp_path.iterdir()] == ([] if old is None else [old])


@pytest.fixture
def umask():
    """Sets the umask; the old one comes back."""
    old = os.umask(0o22)
    yield os.umask
    os.umask(old)


@pytest.mark.parametrize(
    ("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600), (0o027, 0o640), (0, 0o666)]
)
def test_what_is_written_is_for_those_that_the_umask_lets_in(tmp_path, umask, mask, mode):
    umask(mask)
    path = make_folder(tmp_path / "made") / "a.txt"
    write_text(path, "µ")
    assert path.stat().st_mode & 0o777 == mode
    assert path.parent.stat().st_mode & 0o777 == mode | (mode & 0o444) >> 2
    assert path.read_text(encoding="utf-8") == "µ"
    path.chmod(0o600)
    write_text(path, "new")
    assert path.stat().st_mode & 0o777 == mode


def test_a_file_that_is_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path):
    (tmp_path / "theirs.txt").write_text("theirs")
    (tmp_path / "a.txt").symlink_to("theirs.txt")
    write_text(tmp_path / "a.txt", "ours")
    assert not (tmp_path / "a.txt").is_symlink()
    assert (tmp_path / "a.txt").read_text() == "ours"
    assert (tmp_path / "theirs.txt").read_text() == "theirs"


def test_a_pipe_of_a_files_name_is_replaced_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    write_text(tmp_path / "a.txt", "ours")
    assert (tmp_path / "a.txt").read_text() == "ours"


def test_a_folder_of_a_files_name_is_refused(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(InputError, match=r"a\.txt: is a folder; a file of this name"):
        write_text(tmp_path / "a.txt", "ours")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", ["none/a.txt", "file/a.txt"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_text(tmp_path / name, "x")


@pytest.mark.parametrize("name", ["x" * 250, "Ω" * 120])
def test_a_name_may_be_as_long_as_the_file_system_has_them(tmp_path, name):
    write_text(tmp_path / name, "x")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_link_to_a_folder_is_followed_where_both_are_the_users(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "out").symlink_to("there")
    write_text(make_folder(tmp_path / "out") / "a.txt", "x")
    assert (tmp_path / "there" / "a.txt").is_file()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("whose", ["link", "folder"])
def test_a_link_of_somebody_else_or_to_their_folder_is_refused(tmp_path, whose):
    (tmp_path / "there").mkdir(mode=0o777)
    (tmp_path / "out").symlink_to("there")
    os.chown(tmp_path / ("out" if whose == "link" else "there"), 1234, -1, follow_symlinks=False)
    with pytest.raises(InputError, match="belongs to somebody else") as caught:
        make_folder(tmp_path / "out")
    assert str(tmp_path / "there") in str(caught.value)
    assert not list((tmp_path / "there").iterdir())


def test_a_link_of_somebody_else_is_refused(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "out").symlink_to("there")
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(InputError, match="belongs to somebody else"):
        make_folder(tmp_path / "out")
    make_folder(tmp_path / "there")  # others' folders may be written where they let us


def test_a_link_to_nowhere_is_refused(tmp_path):
    (tmp_path / "out").symlink_to("nowhere")
    with pytest.raises(InputError, match="is not a folder that can be written"):
        make_folder(tmp_path / "out")


@pytest.mark.parametrize("name", ["a.csv", "worst/1.cir", "a b/c.d/e", "Ω.csv"])
def test_names_inside_a_folder_are_paths_in_it(tmp_path, name):
    assert inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../a", "a/../../b", "a/..", "/etc/passwd", "//a", "a//b", "./a", "a/", "a/.",
     "a\\b", "a\nb", "a\0b", "out/a", "link.csv", "nowhere"],
)  # fmt: skip
def test_names_that_lead_out_of_a_folder_are_refused(tmp_path, name):
    (tmp_path / "out").symlink_to("/")
    (tmp_path / "link.csv").symlink_to("there.csv")
    (tmp_path / "nowhere").symlink_to("none")
    with pytest.raises(ValueError, match=r"is no path inside a folder|goes through a link"):
        inside(tmp_path, name)


def test_a_folder_is_made_with_its_parents(tmp_path):
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert not list((tmp_path / "a" / "b").iterdir())


@pytest.mark.parametrize("below", [".", "below", "below/that"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is not a folder that can be written"):
        make_folder(tmp_path / "file" / below)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_a_disk_that_takes_no_more_is_said_to_be_full(tmp_path, code):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise OSError(code, "own words", str(temporary))

    with pytest.raises(StorageError, match="What was finished is kept") as caught:
        write()
    assert str(path) in str(caught.value)
    assert os.strerror(code) in str(caught.value)
    assert (caught.value.path, caught.value.exit_code) == (path, 3)
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


def test_a_disk_on_which_no_file_can_be_begun_is_full(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "own words")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(StorageError, match="No space left"):
        write_text(tmp_path / "a.txt", "x")


def test_other_errors_of_the_operating_system_are_not_the_disks():
    with pytest.raises(FileNotFoundError), storing(Path("a.txt")):
        Path("/none/such").read_text()


@pytest.mark.parametrize("kind", ["text", "result"])
def test_a_file_that_cannot_grow_leaves_nothing_and_others_can_be_written_after_it(tmp_path, kind):
    command = [sys.executable, "-c", LIMITED, kind, str(tmp_path / "a.nc")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    told = f"{tmp_path / 'a.nc'} could not be written: File too large."
    assert [line[: len(told)] for line in done.stdout.splitlines()] == [told, told]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.large", "a.small"]


def test_an_error_of_a_full_disk_travels_whole():
    error = StorageError(Path("a.txt"), "No space left on device")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.path, again.reason) == (str(error), error.path, error.reason)


def test_what_killed_runs_left_is_removed_and_what_may_be_in_work_stays(tmp_path):
    (tmp_path / "below").mkdir()
    names = [".a.nc.x1.part", ".b.nc.x2.part", "a.nc", "c.part", "below/.d.nc.x3.part"]
    for name in names:
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (time.time() - 90_000,) * 2)
    os.utime(tmp_path / names[1])
    assert remove_stale_parts(tmp_path) == 1
    assert [name for name in names if not (tmp_path / name).exists()] == names[:1]
    assert remove_stale_parts(tmp_path, older_than_s=-1.0) == 1
