"""What a spec says that may be, but seldom is: a slip of the pen more often than a discovery."""

from collections.abc import Iterator
from typing import Any, get_args

import numpy as np

from mtjspice.spec.base import VOLTS, Spec
from mtjspice.spec.ranges import Within, shown


def unusual(spec: Spec) -> tuple[str, ...]:
    """A sentence for each quantity outside the range that `Within.usual` gives it.

    Each has the key as people wrote it, the value, and what is usual. Reports carry them, so that
    who reads a verdict sees what it was asked of.
    """
    return tuple(dict.fromkeys(_found(spec, "")))


def _found(spec: Spec, before: str) -> Iterator[str]:
    for name, field in type(spec).model_fields.items():
        key, value = f"{before}{name}", getattr(spec, name)
        if isinstance(value, np.ndarray):
            if value.dtype == np.float64:
                yield from _said(key, float(value.flat[int(np.abs(value).argmax())]), VOLTS)
            continue
        bounds = [*_ranges_in(field.metadata), *_ranges_in(get_args(field.annotation))]
        for place, entry in _entries(key, value):
            if isinstance(entry, Spec):
                yield from _found(entry, f"{place}.")
            elif bounds and isinstance(entry, float):
                yield from _said(place, entry, bounds[0])


def _entries(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A value, or each of a list, with its key."""
    if isinstance(value, tuple):
        for k, entry in enumerate(value):
            yield f"{key}.{k}", entry
    else:
        yield key, value


def _ranges_in(parts: Any) -> Iterator[Within]:
    """The ranges inside an annotation, however deep they stand."""
    for part in parts:
        if isinstance(part, Within):
            yield part
        else:
            yield from _ranges_in((*get_args(part), *getattr(part, "__metadata__", ())))


def _said(key: str, value: float, bounds: Within) -> Iterator[str]:
    if bounds.usual is not None and bounds.odd(value):
        low, high = (shown(bound, bounds.unit) for bound in bounds.usual)
        yield f"{key} = {shown(value, bounds.unit)} is unusual: most have {low} to {high}"
