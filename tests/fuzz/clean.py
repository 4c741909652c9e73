"""What must be taken: everything of ours, what was published, and the same as others save it."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fuzz.folders import SPECS, write_everything_clean

from mtjspice.data.defects import load_dies, read_defects
from mtjspice.data.mnist import read_mnist
from mtjspice.data.nist import read_samples, read_solutions
from mtjspice.data.weights import load_weights
from mtjspice.netlist.cards import read_card
from mtjspice.reproduce.borders2024.spec import Borders
from mtjspice.reproduce.goodwill2022.spec import Goodwill
from mtjspice.spec import (
    Calibration,
    DieDesign,
    Experiment,
    Layout,
    SignOff,
    Study,
    Technology,
    TrainingStudy,
    read_spec,
)
from mtjspice.surrogate.card import load_card

REPOSITORY = Path(__file__).parents[2]
CORNERS = ("tt", "ff", "ss", "fs", "sf")
SHAPE, TILES = (15, 15), 6

Variant = Callable[[bytes], bytes]
ENCODINGS: Mapping[str, Variant] = {
    "with a mark": lambda b: b"\xef\xbb\xbf" + b,
    "in UTF-16": lambda b: b.decode().encode("utf-16"),
    "in UTF-16, the other way round": lambda b: b"\xfe\xff" + b.decode().encode("utf-16-be"),
    "with CRLF": lambda b: b.replace(b"\n", b"\r\n"),
    "with CRLF in UTF-16": lambda b: b.decode().replace("\n", "\r\n").encode("utf-16"),
    "without a last newline": lambda b: b.rstrip(b"\n"),
    "with more newlines": lambda b: b + b"\n\n\n",
}
LIBRARIES: Mapping[str, Variant] = {
    **ENCODINGS,
    "with CR": lambda b: b.replace(b"\n", b"\r"),
    "with tabs": lambda b: b.replace(b" ", b"\t"),
    "in capitals": lambda b: b.upper(),
    "in lower case": lambda b: b.lower(),
    "with spaces around =": lambda b: re.sub(rb"(?m)^(?!\*)(.*)$", lambda m: m[0].replace(b"=",
                                                                                          b" = "),
                                                                                          b),
    "with a word a line": lambda b: re.sub(
        rb"(?m)^\+ *(.*)$", lambda m: b"\n".join(b"+ " + word for word in m[1].split()), b
    ) if not re.search(rb"(?m)^\+.*= ", b) else b,
    "with comments between": lambda b: b.replace(b"\n+", b"\n* a comment = {\n+"),
    "with empty lines between": lambda b: b.replace(b"\n+", b"\n\n+"),
    "with comments at the ends": lambda b: re.sub(rb"(?m)^(\+.*)$", rb"\1 $ a comment", b),
    "with semicolons": lambda b: re.sub(rb"(?m)^(\+.*)$", rb"\1 ; a comment", b),
    "with spaces in front": lambda b: re.sub(rb"(?m)^(?=[.+])", b"  ", b),
    "with a title of words": lambda b: b"* .control shell x .endc\n" + b,
}  # fmt: skip
DOCUMENTS: Mapping[str, Variant] = {
    **ENCODINGS,
    "in one line": lambda b: json.dumps(json.loads(b)).encode(),
    "in another order": lambda b: json.dumps(json.loads(b), sort_keys=True, indent=4).encode(),
    "with escapes": lambda b: json.dumps(json.loads(b), ensure_ascii=True).encode(),
}
MAPS: Mapping[str, Variant] = {
    **ENCODINGS,
    "in capitals": lambda b: b.upper(),
    "with a capital head": lambda b: b.replace(b"kind,tile,row,column", b"Kind,Tile,Row,Column"),
    "quoted": lambda b: re.sub(rb"[^,\n]+", rb'"\g<0>"', b),
    "with spaces": lambda b: b.replace(b",", b" , "),
    "with comments": lambda b: b"# a comment\n" + b.replace(b"\n", b"\n# another\n", 1),
    "with empty lines": lambda b: b.replace(b"\n", b"\n\n"),
}


@dataclass(frozen=True)
class Clean:
    """A file that must be taken.

    Attributes:
        name: of the file and of its form.
        read: takes it.
        same: what it must mean, if anything.
    """

    name: str
    read: Callable[[], Any]
    same: Any = None

    def refusal(self) -> str:
        """Why it is not taken; empty if it is."""
        try:
            found = self.read()
        except Exception as error:
            return f"{self.name}: {error!r}"
        if self.same is not None and found != self.same:
            return f"{self.name}: means something else"
        return ""


def shared_data() -> Path | None:
    """The folder of published data; None where this machine has none."""
    named = os.environ.get("MTJSPICE_SHARED_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    return folder if folder.is_dir() else None


def clean_files(folder: Path, *, whole: bool) -> Iterator[Clean]:
    """All of them; `folder` is for what is made of them; `whole` takes the large data sets, too."""
    yield from _libraries(folder / "libraries")
    yield from _specs(folder / "specs")
    yield from _documents(folder / "documents")
    if whole:
        yield from _published()


def _variants(
    path: Path, folder: Path, variants: Mapping[str, Variant]
) -> Iterator[tuple[str, Path]]:
    """The file, and the same as others would save it."""
    yield path.name, path
    folder.mkdir(parents=True, exist_ok=True)
    for k, (name, made) in enumerate(variants.items()):
        # The ending stays: some kinds are known by it.
        other = folder / f"{k}-{path.name}"
        other.write_bytes(made(path.read_bytes()))
        yield f"{path.name} {name}", other


def _channels(path: Path, corner: str) -> dict[str, str]:
    return dict(read_card(Technology(card=str(path), corner=corner)).channels)


def _libraries(folder: Path) -> Iterator[Clean]:
    ours = sorted((REPOSITORY / "models").glob("cmos*.lib"))
    data = shared_data()
    published = sorted((data / "freepdk45").glob("*.inc")) if data else []
    for path in (*ours, *published):
        corners = CORNERS if path in ours else ("tt",)
        ends = path.name[4:6]
        named = {f"nmos_{ends}": "nmos", f"pmos_{ends}": "pmos"}
        one = path.name.split(".")[0].lower()
        meant = named if path in ours else {one: one[:4]}
        for name, file in _variants(path, folder / path.name, LIBRARIES):
            for corner in corners:

                def read(file: Path = file, corner: str = corner) -> dict[str, str]:
                    return _channels(file, corner)

                yield Clean(f"{name}, {corner}", read, meant)


KIND_OF = {"array": Experiment, "die": DieDesign, "calibration": Calibration, "layout": Layout,
           "slow_writes": Layout, "training": TrainingStudy, "signoff": SignOff,
           "experiment": Study,
           "borders2024": Borders, "goodwill2022": Goodwill, "borders2024_signoff": SignOff,
           "goodwill2022_signoff": SignOff, "gated": Calibration}  # fmt: skip


def _specs(folder: Path) -> Iterator[Clean]:
    shipped = sorted((REPOSITORY / "examples").rglob("*.toml"))
    shipped += sorted((REPOSITORY / "mtjspice" / "reproduce").glob("*.toml"))
    shipped += sorted((REPOSITORY / "benchmarks").glob("*.toml"))
    for path in shipped:
        kind = KIND_OF[path.stem]
        tabs = {"with tabs": lambda b: re.sub(rb"(?m) = ", b"\t=\t", b)}
        meant = None if kind is Borders else read_spec(path, kind)
        for name, file in _variants(path, folder / path.parent.name, ENCODINGS | tabs):

            def read(file: Path = file, kind: Any = kind) -> Any:
                if kind is not Borders:
                    return read_spec(file, kind)
                from mtjspice.reading import parse_toml, read_text  # noqa: PLC0415

                return parse_toml(read_text(file), file)

            yield Clean(f"{path.parent.name}/{name}", read, meant)


def _documents(folder: Path) -> Iterator[Clean]:
    for path in sorted((REPOSITORY / "models").glob("*.card.json")):
        meant = load_card(path.name.removesuffix(".card.json"))
        for name, file in _variants(path, folder / path.name, DOCUMENTS):
            yield Clean(name, lambda file=file: load_card(file), meant)
    write_everything_clean(folder)
    path = folder / "map.csv"
    meant = read_defects(path, SHAPE, TILES)
    for name, file in _variants(path, folder / "maps", MAPS):
        yield Clean(name, lambda file=file: read_defects(file, SHAPE, TILES), meant)
    dies = load_dies(folder / "dies", SHAPE, TILES)
    for name, made in DOCUMENTS.items():
        (inner := folder / f"dies {name}").mkdir()
        for one in (folder / "dies").iterdir():
            (inner / one.name).write_bytes(
                made(one.read_bytes()) if one.suffix == ".json" else one.read_bytes()
            )
        yield Clean(f"dies {name}", lambda inner=inner: load_dies(inner, SHAPE, TILES), dies)
        (inner := folder / f"weights {name}").mkdir()
        for one in (folder / "weights").iterdir():
            (inner / one.name).write_bytes(
                made(one.read_bytes()) if one.suffix == ".json" else one.read_bytes()
            )
        yield Clean(f"weights {name}", lambda inner=inner: load_weights(inner).key, "0" * 64)
    for name, kind in (("array", Experiment), ("spec", Experiment), ("die", DieDesign), ("study",
                                                                                         Study),
                       ("layout", Layout), ("calibration", Calibration), ("training",
                                                                          TrainingStudy),
                       ("nist", Study), ("signoff", SignOff)):  # fmt: skip
        assert f"{name}.toml" in SPECS
        yield Clean(f"{name}.toml of the fuzz suite",
                    lambda name=name, kind=kind: read_spec(folder / f"{name}.toml",
                                                           kind))  # fmt: skip


def _published() -> Iterator[Clean]:
    """What NIST and others publish, as they publish it."""
    data = shared_data()
    if data is None:
        return
    yield Clean("NIST's solutions", lambda: len(read_solutions(data / "wine-nist")) > 0, True)
    yield Clean("NIST's split", lambda: len(read_samples(data / "wine-nist").labels), 178)
    yield Clean("MNIST", lambda: len(read_mnist(data / "mnist").labels), 70_000)


def refusals(*, whole: bool = True) -> tuple[int, list[str]]:
    """How many clean files there are, and why those that are refused are refused."""
    with TemporaryDirectory() as made:
        found = [one.refusal() for one in clean_files(Path(made), whole=whole)]
    return len(found), [one for one in found if one]
