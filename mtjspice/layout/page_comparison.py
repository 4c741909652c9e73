"""Two or more layouts side by side."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtjspice.layout.findings import Judged, LayoutStory
from mtjspice.layout.page_json import quantity_line
from mtjspice.layout.page_strips import comparison_plot
from mtjspice.layout.page_tables import Row, row
from mtjspice.layout.page_words import design, scaling_words, why
from mtjspice.layout.quantities import QUANTITIES, Quantity
from mtjspice.report.page import inline, render


@dataclass(frozen=True)
class Compared:
    """A quantity of all layouts.

    Attributes:
        quantity: which.
        lines: of each layout; None where it has no such quantity.
        better: numbers of the layouts with the best worst case; all if they are equal.
    """

    quantity: Quantity
    lines: tuple[Judged | None, ...]
    better: tuple[int, ...]

    @property
    def equal(self) -> bool:
        """Whether no layout is better than another."""
        return len(self.better) == sum(line is not None for line in self.lines)


@dataclass(frozen=True)
class Comparison:
    """What is told of several layouts.

    Attributes:
        stories: of each.
        folders: of their reports.
        names: told apart by the folder where layouts have the same name.
        rows: every quantity that one of them has.
        differences: dotted keys of the specs, with the value in each; None where it has no such
            key.
    """

    stories: tuple[LayoutStory, ...]
    folders: tuple[str, ...]
    names: tuple[str, ...]
    rows: tuple[Compared, ...]
    differences: Mapping[str, tuple[Any, ...]]


def compare(stories: Sequence[LayoutStory], folders: Sequence[str]) -> Comparison:
    """Put the layouts side by side."""
    names = [story.layout.name for story in stories]
    return Comparison(
        stories=tuple(stories),
        folders=tuple(folders),
        names=tuple(
            f"{name} ({folder})" if names.count(name) > 1 else name
            for name, folder in zip(names, folders, strict=True)
        ),
        rows=tuple(
            _compared(quantity, [_line(story, name) for story in stories])
            for name, quantity in QUANTITIES.items()
            if any(_line(story, name) for story in stories)
        ),
        differences=_differences([story.layout.model_dump() for story in stories]),
    )


def _line(story: LayoutStory, name: str) -> Judged | None:
    return next((line for line in story.judged if line.quantity.name == name), None)


def _compared(quantity: Quantity, lines: Sequence[Judged | None]) -> Compared:
    values = {
        k: line.worst.value
        for k, line in enumerate(lines)
        if line is not None and not math.isnan(line.worst.value)
    }
    best = tuple(
        k for k, value in values.items()
        if not any(quantity.worse(value, other) for other in values.values())
    )  # fmt: skip
    return Compared(quantity, tuple(lines), best)


def _differences(specs: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Dotted keys whose values are not the same in all; the name is not told."""
    flat = [_flat(spec) for spec in specs]
    keys = dict.fromkeys(key for spec in flat for key in spec if key != "name")
    values = {key: tuple(spec.get(key) for spec in flat) for key in keys}
    return {key: told for key, told in values.items() if any(v != told[0] for v in told)}


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def as_dict(found: Comparison) -> dict[str, Any]:
    """The comparison for machines."""
    return {
        "layouts": [
            {
                "name": story.layout.name,
                "folder": folder,
                "report": f"{folder}/report.html",
                "verdict": story.verdict,
                "quick": story.quick,
                "largest": _size(story),
                "binding": story.scaling.binding,
            }
            for story, folder in zip(found.stories, found.folders, strict=True)
        ],
        "quantities": [
            {
                "quantity": compared.quantity.name,
                "title": compared.quantity.title,
                "unit": compared.quantity.unit,
                "better": [] if compared.equal else [found.folders[k] for k in compared.better],
                "layouts": [
                    quantity_line(line) | {"netlist": f"{folder}/{line.netlist}"} if line else None
                    for line, folder in zip(compared.lines, found.folders, strict=True)
                ],
            }
            for compared in found.rows
        ],
        "differences": found.differences,
    }


def _size(story: LayoutStory) -> dict[str, int] | None:
    largest = story.scaling.largest
    return {"rows": largest.rows, "columns": largest.columns} if largest else None


def page(found: Comparison) -> str:
    """The page of a comparison."""
    limited = [c for c in found.rows if any(line and line.limit for line in c.lines)]
    rooms = {
        c.quantity.name: [line.headroom if line else None for line in c.lines] for c in limited
    }
    return render(
        "layout_comparison.html.j2",
        layouts=[
            {
                "name": name,
                "report": f"{folder}/report.html",
                "verdict": story.verdict,
                "quick": story.quick,
                "why": why(story),
                "design": design(story.layout),
                "scaling": scaling_words(story),
            }
            for name, folder, story in zip(found.names, found.folders, found.stories, strict=True)
        ],
        rows=[
            {
                "title": c.quantity.title,
                "standing": _standing(c, found.names),
                "cells": list(zip(_rows(c, found), _marks(c), found.folders, strict=True)),
            }
            for c in found.rows
        ],
        tally=_tally(found),
        picture=inline(comparison_plot(rooms, found.names)) if rooms else None,
        differences={key: [_told(v) for v in told] for key, told in found.differences.items()},
    )


def _rows(compared: Compared, found: Comparison) -> list[Row | None]:
    return [
        row(story, line) if line else None
        for story, line in zip(found.stories, compared.lines, strict=True)
    ]


def _marks(compared: Compared) -> list[bool]:
    """Which of the layouts is better; none if they are equal."""
    return [k in compared.better and not compared.equal for k in range(len(compared.lines))]


def _standing(compared: Compared, names: Sequence[str]) -> str:
    """Which layout is better, in words."""
    if sum(line is not None for line in compared.lines) < 2 or not compared.better:
        return "not comparable"
    if compared.equal:
        return "equal"
    return " and ".join(names[k] for k in compared.better)


def _tally(found: Comparison) -> str:
    """In how many quantities each layout is better."""
    parts = []
    for k, name in enumerate(found.names):
        count = sum(k in c.better and not c.equal for c in found.rows)
        parts.append(f"“{name}” is better in {count}")
    return f"Of {len(found.rows)} quantities, {', '.join(parts)}."


def _told(value: Any) -> str:
    """A value of a spec for people."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(_told(one) for one in value)
    return str(value)
