"""What an attack is, how it is tried, and what counts as withstood.

Each kind of attack has a clean folder, a command that reads what is attacked, and a sign by which
one sees that the command took it. The sign is what it prints for the clean folder; or, where that
would be long work, a last question of the command that cannot be answered (more images than there
are), asked after everything else was read.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from fuzz.server import TIMED_OUT, Ran, Server

T = TypeVar("T")

MARKER = b"@MARKER@"
"""In the content of an attack's files: the file that it tries to make."""
LARGE = 2**36
"""Of a file that is larger than any of its kind, bytes; it is sparse."""
MOST_S = 20.0
"""Seconds that a command may take to refuse something."""
RAW = re.compile(
    r"Traceback \(most recent call last\)|\.py:\d+: \w*Warning|errors\.pydantic\.dev|"
    r"^\w+(?:Error|Exception): ",
    re.MULTILINE,
)
"""What nobody who uses the program should get to see."""
USAGE = re.compile(r"^\s*Usage: |^\W*Error\b", re.MULTILINE)
"""How the parser's own refusal of a command line begins."""
CHANGES = re.compile(r'"seconds": [0-9.e-]+')
"""What differs from run to run in what commands print."""
MESSAGE = re.compile(r"^mtjspice: (?!warning)", re.MULTILINE)

Outcome = Literal["refused", "without effect"]


@dataclass(frozen=True)
class Attack:
    """A hostile input.

    Attributes:
        name: says what it tries.
        kind: a key of the kinds, such as ``library``.
        files: content by path in the clean folder, in the place of what is there.
        links: what a path is made a symbolic link to.
        pipes: paths that are made named pipes.
        sizes: bytes that files are made long, with zeros behind what they have.
        arguments: of the command, in the place of the kind's.
        keeps: files of the user's, by path, that must be there afterwards as they were; the command
            may do its work.
        must: what may come of it.
        environment: variables for the command, run in a new Python.
        fresh: run it in a new Python, since it aims at what is imported.
        limit_s: for the command, in the place of the kind's.
    """

    name: str
    kind: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    pipes: Sequence[str] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    arguments: tuple[str, ...] | None = None
    keeps: Sequence[str] = ()
    must: tuple[Outcome, ...] = ("refused",)
    environment: Mapping[str, str] = field(default_factory=dict)
    fresh: bool = False
    limit_s: float | None = None

    @property
    def content(self) -> tuple[object, ...]:
        """What tells it from others."""
        return (self.kind, self.arguments, tuple(sorted(self.files.items())),
                tuple(sorted(self.links.items())), tuple(self.pipes),
                tuple(sorted(self.sizes.items())),
                tuple(sorted(self.environment.items())))  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """What is attacked.

    Attributes:
        prepare: writes the clean folder.
        arguments: of the command that reads it.
        taken: words on stderr that say that the command took what it read; if empty, it is taken
            if the command succeeds, and without effect if it prints what it prints when clean.
        limit_s: for the command.
    """

    prepare: Callable[[Path], None]
    arguments: tuple[str, ...]
    taken: str = ""
    limit_s: float = MOST_S


DONE = (0, 4)
"""Exit codes of a command that did its work; 4 where it has no limit to hold or cannot decide."""


@dataclass(frozen=True)
class Tried:
    """What came of an attack.

    Attributes:
        attack: that was tried.
        outcome: ``refused``, ``without effect``, or the fault in a word.
        ran: the command.
    """

    attack: Attack
    outcome: str
    ran: Ran

    @property
    def withstood(self) -> bool:
        """Whether nothing came of it, and it was told as it should be."""
        return self.outcome in self.attack.must

    def __str__(self) -> str:
        said = self.ran.err.strip()[-300:]
        return (
            f"{self.attack.kind}: {self.attack.name}: {self.outcome} (exit {self.ran.code}): {said}"
        )


def fault_of(ran: Ran) -> str:
    """What is wrong with how a command ended, whatever it was asked; empty if nothing is."""
    if RAW.search(ran.err) or RAW.search(ran.out):
        return "raw words"
    match ran.code:
        case 0 | 4:
            return ""
        case 1:
            judged = re.search(r"verdict|\"holds\": false", ran.out)
            return "" if judged else "exit 1 without a verdict"
        case 2 | 3:
            said = len(MESSAGE.findall(ran.err))
            usage = ran.code == 2 and said == 0 and (USAGE.search(ran.err) or USAGE.search(ran.out))
            return "" if said == 1 or usage else f"{said} messages"
    return {TIMED_OUT: "past its limit", 70: "a fault of ours"}.get(ran.code, f"exit {ran.code}")


class Field:
    """Where attacks are tried: servers and the clean folders of all kinds.

    Args:
        kinds: by name.
        jobs: attacks at a time.

    Attributes:
        servers: one for each of them, while the field is open.
    """

    def __init__(self, kinds: Mapping[str, Kind], jobs: int = 2):
        self.kinds = kinds
        self.jobs = jobs
        self._folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        self.servers: list[Server] = []
        self._clean: dict[str, Ran] = {}

    @contextmanager
    def opened(self) -> Iterator["Field"]:
        """With its servers running."""
        try:
            self.servers = [Server() for _ in range(self.jobs)]
            yield self
        finally:
            for server in self.servers:
                server.__exit__()
            shutil.rmtree(self._folder, ignore_errors=True)

    def try_all(self, attacks: Sequence[Attack]) -> list[Tried]:
        """Try attacks, in their order.

        Raises:
            AssertionError: if a clean folder is not taken.
        """
        for name in sorted({attack.kind for attack in attacks}):
            self._see_clean(name)
        return self.each(lambda server, k: self._try(server, attacks[k], k), len(attacks))

    def each(self, work: Callable[[Server, int], T], count: int) -> list[T]:
        """Do work by number, each with a server of its own."""
        free = list(self.servers)

        def one(k: int) -> T:
            server = free.pop()
            try:
                return work(server, k)
            finally:
                free.append(server)

        with ThreadPoolExecutor(self.jobs) as threads:
            return list(threads.map(one, range(count)))

    def _see_clean(self, name: str) -> None:
        if name in self._clean:
            return
        kind, folder = self.kinds[name], self._folder / f"{name}.clean"
        kind.prepare(folder)
        folder_of_run = self._copy(name, f"{name}.first")
        ran = self.servers[0].run(kind.arguments, folder_of_run, 120.0)
        taken = kind.taken in ran.err if kind.taken else ran.code in DONE
        assert taken, f"the clean {name} is refused: {ran.err}"
        self._clean[name] = ran

    def _copy(self, kind: str, name: str) -> Path:
        return Path(shutil.copytree(self._folder / f"{kind}.clean", self._folder / name))

    def _try(self, server: Server, attack: Attack, number: int) -> Tried:
        kind = self.kinds[attack.kind]
        folder = self._copy(attack.kind, f"{number}")
        marker = self._folder / f"{number}.marker"
        _place(attack, folder, marker)
        arguments = attack.arguments or kind.arguments
        kept = {name: (folder / name).read_bytes() for name in attack.keeps}
        limit_s = attack.limit_s or kind.limit_s
        if attack.fresh or attack.environment:
            ran = server.run_fresh(arguments, folder, limit_s, attack.environment)
        else:
            ran = server.run(arguments, folder, limit_s)
        outcome = self._outcome(attack, kind, ran)
        if marker.exists():
            outcome = "a command ran"
        elif any(not _holds(folder / name, content) for name, content in kept.items()):
            outcome = "a file was changed"
        for path in (folder, folder.with_name(f"{number}.said")):
            shutil.rmtree(path, ignore_errors=True)
        return Tried(attack, outcome, ran)

    def _outcome(self, attack: Attack, kind: Kind, ran: Ran) -> str:
        if fault := fault_of(ran):
            return fault
        if kind.taken and kind.taken in ran.err:
            return "taken"
        if ran.code == 2:
            return "refused"
        if attack.keeps and ran.code in (1, *DONE):
            return "without effect"
        if ran.code in DONE and not kind.taken:
            both = (ran, self._clean[attack.kind])
            said, clean = ((one.code, CHANGES.sub("", one.out)) for one in both)
            return "without effect" if said == clean else "had an effect"
        return f"exit {ran.code}"


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _place(attack: Attack, folder: Path, marker: Path) -> None:
    """Put the files of an attack into a clean folder."""
    for name, content in attack.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.replace(MARKER, str(marker).encode()))
    for name, target in attack.links.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    for name in attack.pipes:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)
    for name, size in attack.sizes.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("ab") as file:
            file.truncate(size)
