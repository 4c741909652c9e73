"""The one way of values through the layers of a network, whatever reads them."""

from collections.abc import Callable
from typing import TypeVar

X = TypeVar("X")


def through(depth: int, x: X, read: Callable[[int, X], X], activate: Callable[[X], X]) -> X:
    """Send values through layers; activations stand between them, and none behind the last.

    Weights as numbers, the surrogate, the nodal solver and SPICE differ in `read` only.

    Args:
        depth: number of layers.
        x: what the first layer is given: an array, or a list of one for each network.
        read: what a layer makes of its inputs, biases included: (number from 0, inputs) to outputs.
        activate: what becomes of the outputs of a layer before they are inputs of the next.

    Returns:
        What the last layer gives, which says the class.

    Example:
        >>> through(2, 3.0, read=lambda k, x: 10 * x + k, activate=lambda x: -x)
        -299.0
    """
    for k in range(depth):
        x = read(k, activate(x) if k else x)
    return x
