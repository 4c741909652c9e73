"""Write the report of a sign-off: pages for people, JSON and tables for machines."""

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from markupsafe import Markup

from mtjspice.data.outputs import Outputs
from mtjspice.report.numbers import shown
from mtjspice.report.page import inline, render
from mtjspice.report.words import interval_words, value_and_limit
from mtjspice.report.written import determined, write_report
from mtjspice.signoff import page_maps as maps
from mtjspice.signoff import page_plots as plots
from mtjspice.signoff import page_words as words
from mtjspice.signoff.findings import DieRead, Flip, SignOffStory
from mtjspice.signoff.judged import compared_with
from mtjspice.signoff.page_json import dies_table, flips_table, report
from mtjspice.signoff.page_numbers import (
    ConditionLine,
    DieLine,
    Tiles,
    condition_lines,
    layer_of,
    noticed,
    tiles_of,
)
from mtjspice.signoff.page_simulated import bought, simulated_title
from mtjspice.spec.toml import format_spec
from mtjspice.verdicts.figures import Figure, Verdict

GALLERY = 40
"""Most flips that are shown with their images."""
WORST_DIES = 12
WORST_PLACES = 5
DRAWN = 4
"""Most conditions that have pictures; the others have their numbers."""


def write_signoff(story: SignOffStory, out: Outputs) -> SignOffStory:
    """Write the report, ``flips.csv``, ``dies.csv`` and netlists of flips; the story with files.

    Each is written whole. What differs from run to run is under ``times`` in the JSON, and in the
    element with the same name in the page.
    """
    story = _with_files(story, {name: out.write(name, it) for name, it in story.netlists.items()})
    lines = condition_lines(story)
    manifest = determined(
        story.spec,
        seed=story.spec.seed,
        versions=story.versions,
        simulations=story.keys,
        weights=story.weights,
        data=story.data,
    )
    tables = {"flips.csv": flips_table(story), "dies.csv": dies_table(lines)}
    write_report(out, report(story, lines), manifest, _page(story, lines), tables)
    return story


def _with_files(story: SignOffStory, names: Mapping[str, str]) -> SignOffStory:
    """The story whose flips name the files that their netlists were written to."""

    def named(flip: Flip) -> Flip:
        return replace(flip, netlist=names[flip.netlist]) if flip.netlist else flip

    judged = (replace(one, flips=tuple(map(named, one.flips))) for one in story.judged)
    netlists = {names[name]: text for name, text in story.netlists.items()}
    return replace(story, judged=tuple(judged), netlists=netlists)


@dataclass(frozen=True)
class Shown:
    """A flipped class in the gallery.

    Attributes:
        flip: what differs.
        label: true class.
        surrogate: class.
        spice: class in SPICE.
        effect: ``worse``, ``better`` or ``other`` for the accuracy.
        lead: of the surrogate's class, at both levels.
        safety: lead over the bound of its error.
        picture: the image; None where the inputs are no image.
        link: to its netlist; empty where there is none.
    """

    flip: Flip
    label: str
    surrogate: str
    spice: str
    effect: str
    lead: tuple[float, float]
    safety: float
    picture: Markup | None
    link: str


@dataclass(frozen=True)
class Place:
    """One of the lines with the largest errors.

    Attributes:
        die: name.
        layer: counted from 1.
        tile: of the die.
        line: output line of the tile.
        error: root mean square, share of full scale.
        largest: of the same.
        bound: what the card bounds it by.
        flips: levels that flipped.
        reads: of the line.
    """

    die: str
    layer: int
    tile: int
    line: int
    error: float
    largest: float
    bound: float
    flips: int
    reads: int


@dataclass(frozen=True)
class View:
    """What the page shows of one condition.

    Attributes:
        line: numbers over the dies.
        titles: what each section concludes.
        bought: what was simulated, and what follows for the rest.
        dies: those with the least accuracy.
        places: those with the largest errors.
        largest: name of the die with the largest errors.
        pictures: by name; empty for the conditions that have none.
    """

    line: ConditionLine
    titles: dict[str, str]
    bought: str
    dies: list[DieLine]
    places: list[Place]
    largest: str
    pictures: dict[str, Markup]


def _page(story: SignOffStory, lines: Sequence[ConditionLine]) -> str:
    worst = words.worst_of(lines)
    ordered = [worst, *(line for line in lines if line is not worst)]
    flips = noticed(story)
    return render(
        "signoff.html.j2",
        story=story,
        words=words,
        noun=words.Words(story),
        lines=lines,
        shown=shown,
        conclusion=words.conclusion(story, lines),
        broken=words.broken(story),
        figures=[_figure_row(f) for f in sorted(story.figures, key=_urgency)],
        apart=words.apart(story, worst),
        views=[_view(story, line, drawn=k < DRAWN) for k, line in enumerate(ordered)],
        flips=flips,
        flips_title=words.flips_title(story, flips),
        impossible=sum(not flip.possible for flip in flips),
        gallery=_gallery(story, flips[:GALLERY]),
        levels=words.level_words(story, [f for j in story.judged for f in j.flips], lines),
        conditions=inline(plots.conditions_plot(lines)) if len(lines) > 1 else None,
        simulated_title=simulated_title(lines),
        judged_dies=story.spec.limits.on_dies,
        netlists=any(flip.netlist for judged in story.judged for flip in judged.flips),
        same_software=len({die.software for line in lines for die in line.dies}) == 1,
        compared=compared_with(story.reference),
        spec_key=story.spec.key(),
        spec=format_spec(story.spec),
    )


def _figure_row(figure: Figure) -> dict[str, Any]:
    value, limit = value_and_limit(figure)
    return {
        "name": figure.name,
        "value": value,
        "interval": interval_words(figure),
        "limit": limit,
        "holds": figure.word or "–",
        "over": figure.verdict in {Verdict.FAIL, Verdict.INCONCLUSIVE},
        "how": figure.how,
        "needed": figure.needed,
    }


def _urgency(figure: Figure) -> int:
    """What breaks comes first, then what is not decided."""
    return [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS, None].index(figure.verdict)


def _view(story: SignOffStory, line: ConditionLine, *, drawn: bool) -> View:
    dies = line.judged.dies
    tiles = tiles_of(dies)
    largest = words.largest_die(dies, line.dies)
    return View(
        line=line,
        titles={
            "accuracy": words.accuracy_title(story, line),
            "margins": words.margins_title(line),
            "tiles": words.tiles_title(story, line, tiles),
        },
        bought=bought(story, line),
        dies=sorted(line.dies, key=lambda die: die.spice)[:WORST_DIES],
        places=_places(story, dies),
        largest=largest.name,
        pictures=_pictures(story, line, tiles, largest) if drawn else {},
    )


def _pictures(
    story: SignOffStory, line: ConditionLine, tiles: Tiles, largest: DieRead
) -> dict[str, Markup]:
    """The pictures that there is something for."""
    dies, noun = line.judged.dies, words.Words(story)
    drawn = {"margins": plots.margins_plot(dies, noun.image)}
    if len(dies) > 1:
        drawn["accuracy"] = plots.accuracy_plot(line.dies, story.spec.limits, noun.die)
    if leads := plots.leads_plot(dies, noun.image):
        drawn["leads"] = leads
    if np.isfinite(tiles.error).any():
        drawn["tiles"] = maps.map_plot(tiles, story.layers)
        if len(dies) > 1:
            drawn["largest"] = maps.map_plot(tiles_of([largest]), story.layers)
    return {name: inline(svg) for name, svg in drawn.items()}


def _places(story: SignOffStory, dies: Sequence[DieRead]) -> list[Place]:
    """The lines of all dies that have the largest errors."""
    found = []
    for die in dies:
        error = np.where(np.isfinite(die.error), die.error, -1.0)
        for flat in np.argsort(-error, axis=None, kind="stable")[:WORST_PLACES]:
            tile, line = (int(k) for k in np.unravel_index(flat, error.shape))
            if die.reads > 0 and error[tile, line] >= 0:
                found.append(
                    Place(
                        die=die.name,
                        layer=layer_of(story.layers, tile),
                        tile=tile,
                        line=line,
                        error=float(die.error[tile, line]),
                        largest=float(die.largest_error[tile, line]),
                        bound=float(die.bound[tile]),
                        flips=int(die.level_flips[tile, line]),
                        reads=die.reads,
                    )
                )
    return sorted(found, key=lambda place: -place.error)[:WORST_PLACES]


def _gallery(story: SignOffStory, flips: Sequence[Flip]) -> list[Shown]:
    dies = {(j.condition, die.name): die for j in story.judged for die in j.dies}
    shown_flips = []
    for flip in flips:
        die, place = dies[flip.condition, flip.die], story.place(flip.image)
        shown_flips.append(
            Shown(
                flip=flip,
                label=story.classes[int(story.labels[place])],
                surrogate=story.classes[flip.surrogate],
                spice=story.classes[flip.spice],
                effect=words.effect(story, flip),
                lead=(float(die.lead[place]), float(die.spice_lead[place])),
                safety=float(die.safety[place]),
                picture=maps.thumbnail(story, place),
                link=urllib.parse.quote(flip.netlist),
            )
        )
    return shown_flips
