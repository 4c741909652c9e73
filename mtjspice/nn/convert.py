"""A torch module onto tiles: `convert`."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, fx, nn

from mtjspice.errors import InputError
from mtjspice.nn.coding import Coding, coding_of
from mtjspice.nn.converted import Converted
from mtjspice.nn.graph import SOURCE, tiled_layers, traced
from mtjspice.nn.layers import Tiled
from mtjspice.nn.placing import place_parts
from mtjspice.nn.windows import Window, windows_of
from mtjspice.surrogate.card import Card, load_card
from mtjspice.surrogate.model import Surrogate


def convert(
    module: nn.Module,
    inputs: Tensor,
    card: Card | str | Path = "die20k",
    *,
    weights: Coding | str = "ternary",
    tiles: int = 32,
) -> Converted:
    """A torch module whose layers with weights live on tiles.

    `torch.nn.Linear`, `Conv1d` and `Conv2d` keep their parameters, by the same names, and get a
    step between two levels of each output, the one that leaves the least squared error. All else
    stays digital. The module that is given is not changed.

    Args:
        module: which steps it has must not depend on the values of its inputs.
        inputs: some samples [sample, ...] as the module takes them. Their shape says what the
            layers see, and the largest input of each layer what its converters' range is for.
        card: of the tiles: a name of those that ship, a path, or one that is loaded.
        weights: ``binary``, ``ternary``, or a `Coding` of several pairs of junctions a weight.
        tiles: of a die.

    Raises:
        InputError: if something cannot be mapped, naming it and what can; if weights or inputs are
            not finite.
        CapacityError: if the card's tiles hold no weight at all.

    Example:
        >>> import torch
        >>> from torch.nn import Linear, Sequential, Tanh
        >>> from mtjspice.nn import convert
        >>> on_tiles = convert(Sequential(Linear(30, 12), Tanh(), Linear(12, 2)), torch.rand(8, 30))
        >>> on_tiles.dies, on_tiles(torch.rand(5, 30)).shape
        (1, torch.Size([5, 2]))
    """
    coding = coding_of(weights)
    loaded = card if isinstance(card, Card) else load_card(card)
    if isinstance(tiles, bool) or not isinstance(tiles, int) or tiles < 1:
        raise InputError(source=SOURCE, key="tiles", value=tiles, allowed="a die has at least one")
    graph = traced(module)
    layers = tiled_layers(graph)
    seen = _seen(graph, layers, inputs)
    shapes = {name: tuple(values.shape[1:]) for name, values in seen.items()}
    surrogate, first = Surrogate(loaded, "full"), 0
    made: dict[str, Tiled] = {}
    for name, layer in layers.items():
        window = windows_of(layer)
        weight = layer.weight
        assert isinstance(weight, Tensor)
        shape = weight.flatten(1).shape
        groups = window.groups if isinstance(window, Window) else 1
        parts = place_parts(shape, groups, coding, loaded.circuit, first, name)
        first += sum(part.placement.tiles for part in parts)
        made[name] = Tiled(layer, coding, parts)
        graph.set_submodule(name, made[name])
    # What rounded weights make of the inputs is often larger than what the given ones make of them.
    for name, values in _seen(graph, made, inputs).items():
        made[name].largest.fill_(float(values.abs().max()) or 1.0)
    return Converted(graph, made, surrogate, tiles, shapes)


def _seen(
    module: fx.GraphModule, layers: Mapping[str, nn.Module], inputs: Tensor
) -> dict[str, Tensor]:
    """What each layer is given where the module is given `inputs`.

    Raises:
        InputError: if the inputs are none for it, or something that a layer sees is not finite.
    """
    if not isinstance(inputs, Tensor) or inputs.dim() < 2 or not len(inputs):
        shape = list(inputs.shape) if isinstance(inputs, Tensor) else type(inputs).__name__
        allowed = "must be a tensor of some samples, [sample, ...]"
        raise InputError(source=SOURCE, key="inputs", value=shape, allowed=allowed)
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            seen[name] = given[0].detach()

        return hook

    hooks = [layer.register_forward_pre_hook(keep(name)) for name, layer in layers.items()]
    training = module.training
    try:
        module.eval()
        with torch.no_grad():
            module.forward(inputs)  # called, a GraphModule prints its errors besides
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        allowed = f"the module does not take them: {str(error).splitlines()[0]}"
        raise InputError(
            source=SOURCE, key="inputs", value=list(inputs.shape), allowed=allowed
        ) from error
    finally:
        module.train(training)
        for hook in hooks:
            hook.remove()
    for name, values in seen.items():
        if not bool(values.isfinite().all()):
            allowed = "sees inputs that are not finite"
            raise InputError(source=SOURCE, key=name, allowed=allowed)
    return seen
