"""Files that people hand over: what is read, and what is refused by name."""

import os
import socket

import pytest

from mtjspice.errors import InputError
from mtjspice.reading import parse_json, parse_toml, read_bytes, read_json, read_text


@pytest.mark.parametrize(
    "content",
    [
        "µ = 1\nb".encode(),
        b"\xef\xbb\xbf" + "µ = 1\nb".encode(),
        b"\xff\xfe" + "µ = 1\r\nb".encode("utf-16-le"),
        b"\xfe\xff" + "µ = 1\rb".encode("utf-16-be"),
    ],
    ids=["utf-8", "with a mark", "utf-16 of PowerShell", "utf-16, other byte order"],
)
def test_text_is_read_as_its_mark_says(tmp_path, content):
    (tmp_path / "spec.toml").write_bytes(content)
    assert read_text(tmp_path / "spec.toml") == "µ = 1\nb"


def test_another_encoding_is_refused_with_its_line(tmp_path):
    (tmp_path / "spec.toml").write_bytes("a = 1\n# 5 µm\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"line 2.*save the file as UTF-8"):
        read_text(tmp_path / "spec.toml")


def _pipe(path):
    os.mkfifo(path)


def _socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.mkdir(), "it is a folder, not a file"),
        (_pipe, "it is a pipe, not a file"),
        (_socket, "cannot be read"),
        (lambda path: path.symlink_to("/dev/zero"), "it is a device, not a file"),
        (lambda path: path.symlink_to(path), "cannot be read: Too many levels"),
        (lambda path: None, "cannot be read: No such file"),
        (lambda path: path.write_bytes(b"x" * 101), "is larger .101 bytes."),
    ],
)
def test_what_is_no_file_of_its_kind_is_refused_at_once(tmp_path, make, words):
    make(tmp_path / "given")
    with pytest.raises(InputError, match=words):
        read_bytes(tmp_path / "given", most=100)


def test_a_path_with_nul_is_refused(tmp_path):
    with pytest.raises(InputError, match="null byte"):
        read_bytes(tmp_path / "a\0b")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nests too deep"),
        ('{"a":' * 100_000, "nests too deep"),
        ("1" * 5000, "is not JSON: Exceeds the limit"),
        ('{"a": 1, "a": 2}', "the key 'a' stands there twice"),
        ('{"a": ', "is not JSON"),
    ],
)
def test_json_that_cannot_be_ours_is_refused(text, words):
    with pytest.raises(InputError, match=words):
        parse_json(text, "given.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 5000, "nests too deep"),
        ("a." * 5000 + "b = 1", "nests too deep"),
        ("a = 0x" + "f" * 5000, "has at most 64 bits"),
        ("a = [1, {b = 9223372036854775808}]", "a.b: .*has at most 64 bits"),
        ("a = " + "1" * 5000, "is not TOML: Exceeds the limit"),
        ("a = 1\na = 2", "is not TOML"),
    ],
)
def test_toml_that_cannot_be_ours_is_refused(text, words):
    with pytest.raises(InputError, match=words):
        parse_toml(text, "given.toml")


def test_json_with_a_mark_is_read(tmp_path):
    (tmp_path / "given.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(tmp_path / "given.json") == {"a": 1}
