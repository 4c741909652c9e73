"""The files of every report: a page, one for machines, one of what determined it."""

from collections.abc import Iterable, Mapping
from typing import Any

from mtjspice.data.files import write_text
from mtjspice.data.outputs import MANIFEST, PAGE, REPORT, Outputs
from mtjspice.data.plain import as_json
from mtjspice.spec.base import Spec
from mtjspice.spec.toml import format_spec


def determined(
    spec: Spec,
    *,
    seed: int,
    versions: Mapping[str, str],
    simulations: Iterable[str],
    **others: Any,
) -> dict[str, Any]:
    """What determined a report, for its manifest.

    Args:
        spec: as it was run.
        seed: of all that was drawn.
        versions: of everything that the numbers depend on.
        simulations: keys of those that were run or found.
        others: what else does, such as a card or a quick run, by name.
    """
    return {
        "spec_key": spec.key(),
        "seed": seed,
        "spec": format_spec(spec),
        **others,
        "versions": dict(versions),
        "simulations": list(simulations),
    }


def write_report(
    out: Outputs,
    report: Mapping[str, Any],
    manifest: Mapping[str, Any],
    page: str,
    tables: Mapping[str, str] | None = None,
) -> None:
    """Write ``report.json``, ``manifest.json`` and ``report.html``, each whole.

    Args:
        out: the folder, with what else was written into it; what only an earlier run wrote is
            removed.
        report: the machine-readable report; what differs from run to run is under ``times``.
        manifest: what determined it, by `determined`.
        page: HTML.
        tables: further files of every report of this kind, such as CSV, by name.

    Raises:
        InputError: if a file cannot be written.
        StorageError: if the disk is full.
    """
    write_text(out.folder / REPORT, as_json(report))
    write_text(out.folder / MANIFEST, as_json({**manifest, "files": out.close()}))
    for name, text in (tables or {}).items():
        write_text(out.folder / name, text)
    write_text(out.folder / PAGE, page)
