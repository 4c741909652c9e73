"""Whether every line of an array is held by something."""

from collections.abc import Collection, Iterable

import numpy as np
import numpy.typing as npt

from mtjspice.solver.extras import Place


def unreached(
    conducting: npt.NDArray[np.bool_],
    loose: Collection[Place],
    bridges: Iterable[tuple[Place, Place]],
) -> list[Place]:
    """The lines that neither a terminal holds nor a path leads to, in order.

    Args:
        conducting: [row, column], which cells are not open.
        loose: the lines whose terminals hold nothing.
        bridges: pairs of lines that are joined.
    """
    lines: list[Place] = [("row", r) for r in range(conducting.shape[0])]
    lines += [("column", c) for c in range(conducting.shape[1])]
    joined: list[tuple[Place, Place]] = list(bridges)
    joined += [(("row", int(r)), ("column", int(c))) for r, c in np.argwhere(conducting)]
    reached = {line for line in lines if line not in loose}
    waiting = list(reached)
    neighbours: dict[Place, list[Place]] = {line: [] for line in lines}
    for one, other in joined:
        neighbours[one].append(other)
        neighbours[other].append(one)
    while waiting:
        for line in neighbours[waiting.pop()]:
            if line not in reached:
                reached.add(line)
                waiting.append(line)
    return [line for line in lines if line not in reached]
