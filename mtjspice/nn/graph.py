"""Which torch modules can live on tiles: what they compute, step by step, or which step cannot.

Layers with weights go onto tiles. What stands between them is digital, and must be of the kinds
below: a sign-off simulates it in their place.
"""

import copy
import operator
from collections.abc import Callable, Iterable
from typing import Any, Final

import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.modules.lazy import LazyModuleMixin

from mtjspice.errors import InputError

SOURCE: Final = "convert"
ON_TILES: Final = (nn.Linear, nn.Conv1d, nn.Conv2d)
DIGITAL: Final = (
    nn.Tanh, nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.Identity, nn.Flatten, nn.Unflatten,
    nn.BatchNorm1d, nn.BatchNorm2d, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout,
    nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.Softmax, nn.LogSoftmax,
)  # fmt: skip
FUNCTIONS: Final[frozenset[Callable[..., Any]]] = frozenset({
    torch.tanh, functional.tanh, torch.sign, torch.clamp, functional.hardtanh,
    torch.relu, functional.relu, functional.relu6,
    functional.max_pool1d, functional.max_pool2d, torch.max_pool1d, torch.max_pool2d,
    functional.avg_pool1d, functional.avg_pool2d,
    functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d,
    functional.softmax, functional.log_softmax, torch.softmax, torch.log_softmax,
    torch.add, operator.add, operator.iadd,
    torch.flatten, torch.squeeze, torch.unsqueeze, torch.reshape, operator.getitem, getattr,
})  # fmt: skip
METHODS: Final = frozenset({
    "tanh", "tanh_", "relu", "relu_", "sign", "clamp", "flatten", "view", "reshape", "size",
    "add", "add_", "squeeze", "unsqueeze", "contiguous", "softmax", "log_softmax",
})  # fmt: skip
ALLOWED: Final = (
    "can be mapped: Linear, Conv1d, Conv2d on tiles; tanh, sign, ReLU, hardtanh, batch norm, "
    "max and average pooling, flatten, dropout, softmax and additions beside them"
)


class _Tracer(fx.Tracer):
    """As torch's, but that layers of ours and of torch are steps, whatever is derived from them."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in ON_TILES + DIGITAL or super().is_leaf_module(m, module_qualified_name)


def traced(module: nn.Module) -> fx.GraphModule:
    """A copy of a module as steps that can all be mapped.

    Raises:
        InputError: if it cannot be followed, or has a step of another kind, naming it.
    """
    if not isinstance(module, nn.Module):
        raise _refused("module", type(module).__name__, "must be a torch.nn.Module")
    if type(module) in ON_TILES:
        allowed = "is one layer alone; put it into a torch.nn.Sequential"
        raise _refused("module", type(module).__name__, allowed)
    for name, layer in module.named_modules():
        if isinstance(layer, LazyModuleMixin):
            raise _refused(name, type(layer).__name__, "has no weights yet; run the module once")
        if layer._forward_pre_hooks or layer._forward_hooks:
            allowed = "has hooks, as pruning and weight norm leave them; bake them in first"
            raise _refused(name or "forward", type(layer).__name__, allowed)
    own = copy.deepcopy(module)
    try:
        graph = _Tracer().trace(own)
    except fx.proxy.TraceError as error:
        raise _refused(type(module).__name__, None, _how(error)) from error
    except (TypeError, ValueError, RuntimeError) as error:
        raise _refused(type(module).__name__, None, f"cannot be followed: {error}") from error
    found = fx.GraphModule(own, graph)
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    if len(inputs) != 1:
        names = ", ".join(node.name for node in inputs)
        raise _refused("forward", names, "must take one tensor, and nothing else")
    for node in list(graph.nodes):
        _check(node, found)
    if not any(_on_tiles(node, found) for node in graph.nodes):
        raise _refused(type(module).__name__, None, f"has no layer with weights; {ALLOWED}")
    found.recompile()
    found.train(module.training)
    return found


def tiled_layers(module: fx.GraphModule) -> dict[str, nn.Module]:
    """The layers that go onto tiles, by name, in the order in which samples meet them."""
    return {
        str(node.target): module.get_submodule(str(node.target))
        for node in module.graph.nodes
        if _on_tiles(node, module)
    }


def _on_tiles(node: fx.Node, module: fx.GraphModule) -> bool:
    return node.op == "call_module" and type(module.get_submodule(str(node.target))) in ON_TILES


def _check(node: fx.Node, module: fx.GraphModule) -> None:
    """See that a step can be mapped.

    Raises:
        InputError: naming it.
    """
    match node.op:
        case "call_module":
            _check_layer(str(node.target), module.get_submodule(str(node.target)))
        case "call_function":
            if node.target is functional.dropout:
                _as_module(node, module)
            elif node.target not in FUNCTIONS:
                raise _refused(node.name, _named(node.target), _also(node.target))
        case "call_method":
            if node.target not in METHODS:
                raise _refused(node.name, f"Tensor.{node.target}", ALLOWED)
        case "output":
            if not isinstance(node.args[0], fx.Node):
                raise _refused("forward", None, "must return one tensor")
        case "get_attr":
            users = ", ".join(_named(user.target) for user in node.users)
            allowed = f"is used by {users}; only Linear, Conv1d and Conv2d may have weights"
            raise _refused(str(node.target), None, allowed)


def _check_layer(name: str, layer: nn.Module) -> None:
    kind = type(layer)
    if kind not in ON_TILES + DIGITAL:
        raise _refused(name, kind.__name__, ALLOWED)
    if kind in ON_TILES:
        _check_numbers(name, layer.named_parameters(recurse=False))


def _check_numbers(name: str, parameters: Iterable[tuple[str, nn.Parameter]]) -> None:
    for key, values in parameters:
        where = f"{name}.{key}"
        if values.dtype not in (torch.float32, torch.float64):
            raise _refused(where, str(values.dtype), "must be float32 or float64: module.float()")
        bad = (~values.detach().isfinite()).nonzero()
        if len(bad):
            at = tuple(bad[0].tolist())
            raise _refused(f"{where}{list(at)}", float(values.detach()[at]), "must be finite")


def _as_module(node: fx.Node, module: fx.GraphModule) -> None:
    """Dropout as a function has forgotten whether it trains: a module knows."""
    share = node.args[1] if len(node.args) > 1 else node.kwargs.get("p", 0.5)
    module.add_module(node.name, nn.Dropout(float(share)))  # type: ignore[arg-type]
    node.op, node.target = "call_module", node.name
    node.args, node.kwargs = node.args[:1] or (node.kwargs["input"],), {}


def _named(target: object) -> str:
    return getattr(target, "__name__", str(target))


def _also(target: object) -> str:
    if target in (
        functional.linear,
        functional.conv1d,
        functional.conv2d,
        torch.matmul,
        operator.matmul,
        functional.batch_norm,
    ):
        return f"has weights that are no module's; use torch.nn.Linear or its like; {ALLOWED}"
    return ALLOWED


def _how(error: fx.proxy.TraceError) -> str:
    return (
        "cannot be followed: what it does depends on the values of its inputs "
        f"({str(error).splitlines()[0]}); which steps there are must not"
    )


def _refused(key: str, value: object, allowed: str) -> InputError:
    return InputError(source=SOURCE, key=key, value=value, allowed=allowed)
