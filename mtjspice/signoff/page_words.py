"""Numbers and sentences of the page about a sign-off."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from mtjspice.report.numbers import NO_BREAK, number, points, shown
from mtjspice.report.words import UNJUDGED, ends, interval_words, value_and_limit
from mtjspice.signoff.findings import DieRead, Flip, SignOffStory
from mtjspice.signoff.judged import JOINED
from mtjspice.signoff.page_numbers import ConditionLine, DieLine, Tiles, layer_of
from mtjspice.verdicts.figures import Figure, Verdict

NAMED = 5
"""Most dies that a sentence names."""


class Words:
    """What the images and the entries of a story are called.

    Attributes:
        image: "image", or "sample" where the inputs are no image.
        die: "die", or "network" where each has its own die.
    """

    def __init__(self, story: SignOffStory) -> None:
        self.image = "image" if story.shape else "sample"
        self.die = "die" if story.one_network else "network"

    def named(self, die: str) -> str:
        """A die by its name, which may say itself what it is."""
        return die if die.lower().startswith(self.die) else f"{self.die} {die}"

    def images(self, count: int) -> str:
        """So many images."""
        return counted(count, self.image)

    def dies(self, count: int) -> str:
        """So many dies."""
        return counted(count, self.die)


def counted(count: int, one: str) -> str:
    """A number and what is counted."""
    many = f"{one[:-1]}ies" if one.endswith("y") else f"{one}es" if one.endswith("s") else f"{one}s"
    return f"{count:,} {one if count == 1 else many}"


def share(value: float, digits: int = 2) -> str:
    """A share in per cent, so many digits behind the point."""
    return "–" if math.isnan(value) else f"{100 * value:.{digits}f}{NO_BREAK}%"


def full_scale(value: float) -> str:
    """A share of full scale; a dash where it is not known."""
    return "–" if math.isnan(value) else shown(value, "share of full scale")


def sentences(notes: Sequence[str]) -> str:
    """Notes one after the other, each with a capital letter and a full stop."""
    return " ".join(f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in notes)


def duration(seconds: float) -> str:
    """A time for people, to a digit or two."""
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.2g} {unit}"
    return f"{max(seconds, 1):.2g} s" if seconds < 99.5 else f"{seconds:.0f} s"


def of_this_run(value: float) -> str:
    """What differs from run to run: a count if it is whole, else seconds."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f} s"


def conclusion(story: SignOffStory, lines: Sequence[ConditionLine]) -> str:
    """What is concluded, in one sentence with numbers."""
    words, worst = Words(story), worst_of(lines)
    many, last = len(worst.dies) > 1, worst.dies[0].die
    worst_of_all = f"under the worst of {len(lines)} conditions ({worst.condition})"
    under = worst_of_all if len(lines) > 1 else ""
    several = many and not story.one_network
    subject = "the networks classify" if several else "the network classifies"
    alone = f"{'on' if story.one_network else 'of'} {words.named(last)}"
    over = f"mean over {words.dies(len(worst.dies))}" if many else alone
    again = "in SPICE " if worst.skipped else ""
    return (
        f"{_levels(words, worst, under)} {subject} {share(worst.spice)} of the "
        f"{words.image}s given{',' if many else ''} {over}, and {again}"
        f"{ends(worst.known.accuracy)} of all {words.image}s like them{_on_dies(story)} at "
        f"{100 * story.spec.confidence:g} % confidence ({_open(story, worst)}); "
        f"{_failing(story, lines)}{_differ(story, lines)}."
    )


def _levels(words: Words, line: ConditionLine, under: str) -> str:
    """Which level the classes are of that a sentence goes on to tell of."""
    s = line.judged.statement
    if not line.skipped:
        return f"In SPICE, {under}," if under else "In SPICE"
    where = f" {under}" if under else ""
    each = f" (counted on each {words.die})" if len(line.dies) > 1 else ""
    if not s.simulated:
        every = f"Of {words.images(s.images)}{each} none was simulated in SPICE{where}"
        return f"{every}, and the classes are the surrogate’s:"
    were = "was" if s.simulated == 1 else "were"
    some = f"{s.simulated:,} of {words.images(s.images)}{each} {were} simulated in SPICE{where}"
    return f"{some}, and the classes of the others are the surrogate’s:"


def _on_dies(story: SignOffStory) -> str:
    return f" on all {Words(story).die}s like these" if story.spec.dies == "sample" else ""


def _open(story: SignOffStory, line: ConditionLine) -> str:
    """What leaves the accuracy open, and how much."""
    words, known = Words(story), line.known
    drawn = f"as the {words.image}s are a {'sample' if words.image == 'image' else 'draw'}"
    if line.skipped == 0:
        return f"±{points(known.half, 2)}, {drawn}; all were simulated"
    return (
        f"±{points(known.half, 2)}: ±{points(known.sampled, 2)} {drawn} and "
        f"±{points(known.unseen)} as not all were simulated, each by itself; {JOINED}"
    )


def apart(story: SignOffStory, line: ConditionLine) -> str:
    """What the circuit changes, how dies differ, how well the images tell: each by itself."""
    words, known = Words(story), line.known
    dies = (
        f"; the accuracies of the {words.die}s have a standard deviation of "
        f"{points(known.spread, 2)}"
        if len(line.dies) > 1
        else ""
    )
    simulated = line.judged.statement.simulated
    elsewhere = " where simulated and to the surrogate elsewhere" if line.skipped else ""
    changes = (
        f"the circuit changes {shown(known.changed, 'share')} of the classes, from software to "
        f"SPICE{elsewhere}{dies}"
        if simulated
        else "what the circuit changes, and how it differs, was not simulated"
    )
    return (
        f"Apart from each other: {changes}; {words.images(len(story.labels))} tell the "
        f"accuracy to ±{points(known.sampled, 2)}."
    )


def _failing(story: SignOffStory, lines: Sequence[ConditionLine]) -> str:
    limits, words = story.spec.limits, Words(story)
    if not limits.on_dies:
        return ""
    names = list(dict.fromkeys(die.die for line in lines for die in line.failing))
    unsure = {die.die for line in lines for die in line.undecided} - set(names)
    total = len(lines[0].dies)
    if total == 1:
        state = "fails" if names else "may fail or not" if unsure else "does not fail"
        return f"the {words.die} {state}; "
    rest = f"{len(unsure)} may fail or not" if unsure else ""
    if not names:
        return (
            f"{f'no {words.die} fails for certain, {rest}' if rest else f'no {words.die} fails'}; "
        )
    listed = f" ({', '.join(names)})" if len(names) <= NAMED else ""
    told = f"{len(names)} of {words.dies(total)} fail{'s' if len(names) == 1 else ''}{listed}"
    return f"{told}{f', {rest}' if rest else ''}; "


def _differ(story: SignOffStory, lines: Sequence[ConditionLine]) -> str:
    """Flips that were found; with one condition also those that the bound leaves."""
    flips = sum(line.flips for line in lines)
    images = sum(line.judged.statement.images for line in lines)
    simulated = sum(line.judged.statement.simulated for line in lines)
    seen = f"{simulated:,}{' simulated' if simulated < images else ''} classes"
    text = (
        f"{f'{flips:,}' if flips else 'none'} of {seen} "
        f"differ{'s' if flips < 2 else ''} from the surrogate’s"
        if simulated
        else "no class was simulated that could differ from the surrogate’s"
    )
    first = lines[0]
    if len(lines) == 1 and first.skipped:
        more = " more" if flips else ""
        text += (
            f", and at most {first.most_flips:,}{more} of the {first.skipped:,} not simulated"
            if first.skipped > 1
            else f", and the one not simulated {'may' if first.most_flips else 'does not'}"
        )
    return text


def worst_of(lines: Sequence[ConditionLine]) -> ConditionLine:
    """The condition with the least accuracy in SPICE, at the lower end of its statement."""
    return min(lines, key=lambda line: line.least)


def broken(story: SignOffStory) -> str:
    """The limits that break and those that are not decided; that all hold, if they do."""
    limited = [figure for figure in story.figures if figure.verdict is not None]
    wrong = [figure for figure in limited if figure.verdict is Verdict.FAIL]
    unsure = [figure for figure in limited if figure.verdict is Verdict.INCONCLUSIVE]
    if not story.asks:
        return UNJUDGED
    if not wrong and not unsure:
        return "The one limit holds." if len(limited) == 1 else f"All {len(limited)} limits hold."
    of = counted(len(limited), "limit")
    said = []
    if wrong:
        told = "; ".join("{}: {} ({})".format(f.name, *value_and_limit(f)) for f in wrong)
        said.append(f"{len(wrong)} of {of} {'breaks' if len(wrong) == 1 else 'break'}: {told}.")
    if unsure:
        told = "; ".join(map(_undecided, unsure))
        verb = "is" if len(unsure) == 1 else "are"
        said.append(f"{len(unsure)} of {of} {verb} not decided: {told}.")
    return " ".join(said)


def _undecided(figure: Figure) -> str:
    value, limit = value_and_limit(figure)
    return f"{figure.name}: {value} ({interval_words(figure)}; {limit}), needs {figure.needed}"


def die_words(die: DieLine) -> str:
    """Which limits a die breaks or may break, as short as a table needs it."""

    def names(limits: Sequence[str]) -> str:
        return " and ".join(name.removesuffix("_die") for name in limits)

    told = [f"FAILS: {names(die.broken)}"] if die.broken else []
    told += [f"not decided: {names(die.undecided)}"] if die.undecided else []
    return ", ".join(told) or "hold"


def accuracy_title(story: SignOffStory, line: ConditionLine) -> str:
    """How the levels compare over the dies."""
    words, worst = Words(story), line.worst
    simulated = line.judged.statement.simulated
    spice = "SPICE where simulated" if line.skipped else "SPICE"
    if len(line.dies) == 1:
        die = line.dies[0]
        last = f"{share(die.spice)} in {spice}" if simulated else "not simulated in SPICE"
        return (
            f"{share(die.software)} in software, {share(die.surrogate)} at the surrogate’s level, "
            f"{last}"
        )
    if not simulated:
        return "nothing was simulated in SPICE"
    apart = (
        f"the same in surrogate and {spice} on every {words.die}"
        if line.apart == 0
        else f"surrogate and {spice} are at most {points(line.apart, 2)} apart"
    )
    return f"{apart}; the worst {words.die} has {share(worst.spice)}"


def flips_title(story: SignOffStory, flips: Sequence[Flip]) -> str:
    """How many classes flipped, and what that did."""
    if not flips:
        if not any(judged.statement.simulated for judged in story.judged):
            return "No class was simulated in SPICE"
        every = all(j.statement.simulated == j.statement.images for j in story.judged)
        return f"No {'' if every else 'simulated '}class differs between surrogate and SPICE"
    wrong = Counter(effect(story, flip) for flip in flips)
    parts = [
        f"{wrong[name]} {told}"
        for name, told in (
            ("worse", "from right to wrong"),
            ("better", "from wrong to right"),
            ("other", "between wrong ones"),
        )
        if wrong[name]
    ]
    return f"{counted(len(flips), 'class')} flipped: {', '.join(parts)}"


def effect(story: SignOffStory, flip: Flip) -> str:
    """What a flipped class does to the accuracy: ``worse``, ``better`` or ``other``."""
    label = int(story.labels[story.place(flip.image)])
    if flip.surrogate == label:
        return "worse"
    return "better" if flip.spice == label else "other"


def level_words(story: SignOffStory, flips: Sequence[Flip], lines: Sequence[ConditionLine]) -> str:
    """How many levels and signs flipped."""
    levels = sum(die.level_flips for line in lines for die in line.dies)
    reads = sum(d.reads * d.level_flips.size for line in lines for d in line.judged.dies)
    signs = sum(flip.kind == "sign" for flip in flips)
    steps = [abs(flip.spice - flip.surrogate) for flip in flips if flip.kind == "level"]
    by = "by one" if max(steps, default=1) == 1 else f"by one, by {max(steps)} at most"
    part = f" of {reads:,} reads of a line ({shown(levels / reads, 'share')})" if reads else ""
    hidden = f" {counted(signs, 'sign')} of hidden neurons flipped, too." if signs else ""
    return (
        f"Of the levels {levels:,}{part} flipped. A level flip is a converter’s code that differs "
        f"{by} for the same input of the tile; it comes from a line’s own error.{hidden}"
    )


def margins_title(line: ConditionLine) -> str:
    """Where the flips lie in safety."""
    dies = line.judged.dies
    flipped = np.concatenate([die.safety[die.flipped] for die in dies])
    safe = sum(int((die.safety > 1).sum()) for die in dies)
    images = line.judged.statement.images
    told = (
        "every class is safe"
        if safe == images
        else f"{shown(safe / images, 'share')} of the classes are safe"
        if safe
        else "no class is safe"
    )
    if not flipped.size:
        return f"{told}; none flipped"
    above = int((flipped > 1).sum())
    if above:
        were = "it was" if above == 1 else "they were"
        return f"{counted(above, 'class')} flipped although {were} safe"
    return f"{told}; the flips have leads up to {number(float(flipped.max()), 2)} of their bounds"


def tiles_title(story: SignOffStory, line: ConditionLine, tiles: Tiles) -> str:
    """Where the largest errors are, and whether the card allows them."""
    if not np.isfinite(tiles.error).any():
        return "nothing was read in SPICE"
    tile, place = np.unravel_index(np.nanargmax(tiles.error), tiles.error.shape)
    return (
        f"most on tile {tile}, line {place} (layer {layer_of(story.layers, int(tile))}), RMS "
        f"{full_scale(float(tiles.error[tile, place]))}; {bound_words(line.dies)}"
    )


def bound_words(dies: Sequence[DieLine]) -> str:
    """Whether errors stay within the bounds of their tiles, and which level read the tiles."""
    above = sum(die.above_bound for die in dies)
    told = "no line exceeds its bound"
    if above:
        told = (
            "a line exceeds the bound of its tile"
            if above == 1
            else (f"{above:,} lines exceed the bounds of their tiles")
        )
    tiles, nodal = sum(die.tiles for die in dies), sum(die.by_nodal for die in dies)
    return f"{told}; {nodal:,} of {counted(tiles, 'tile')} read by the nodal solver"


def largest_die(dies: Sequence[DieRead], lines: Sequence[DieLine]) -> DieRead:
    """The die with the largest errors, root mean square over its lines."""
    known = [-1.0 if math.isnan(line.error) else line.error for line in lines]
    return dies[int(np.argmax(known))]
