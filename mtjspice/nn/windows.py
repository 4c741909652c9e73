"""What a layer takes from a sample: all of it, or the windows of a convolution."""

import math
from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn

from mtjspice.errors import InputError


@dataclass(frozen=True)
class Window:
    """The windows of a convolution over one or two axes; one axis is taken for a row of pixels.

    Attributes:
        axes: 1 or 2.
        kernel: pixels of a window, (vertical, horizontal).
        stride: from one window to the next.
        dilation: from one pixel of a window to the next.
        padding: pixels before and behind, (left, right, top, bottom).
        mode: what stands there, as `torch.nn.functional.pad` names it.
        groups: that the channels are split into; each output sees one of them.
    """

    axes: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int, int, int]
    mode: str
    groups: int

    @classmethod
    def of(cls, layer: nn.Conv1d | nn.Conv2d) -> Self:
        """The windows of a torch module."""
        axes = len(layer.kernel_size)
        # The last axis first, each before and behind, as `pad` takes it, also where it is ``same``.
        around = tuple(layer._reversed_padding_repeated_twice)
        return cls(
            axes=axes,
            kernel=_of_image(layer.kernel_size),
            stride=_of_image(layer.stride),
            dilation=_of_image(layer.dilation),
            padding=(around[0], around[1], *(around[2:] or (0, 0))),  # type: ignore[arg-type]
            mode="constant" if layer.padding_mode == "zeros" else layer.padding_mode,
            groups=layer.groups,
        )

    def patches(self, images: Tensor) -> Tensor:
        """Inputs of every window, [sample, window, group, input], of [sample, channel, ...]."""
        wide = self._padded(images)
        found = nn.functional.unfold(wide, self.kernel, dilation=self.dilation, stride=self.stride)
        samples, numbers, windows = found.shape
        each = found.view(samples, self.groups, numbers // self.groups, windows)
        return each.permute(0, 3, 1, 2)

    def images(self, outputs: Tensor, images: Tensor) -> Tensor:
        """Outputs [sample, window, channel] as images, where `images` were the inputs."""
        made = outputs.transpose(1, 2).contiguous()  # as torch leaves them, for ``view``
        if self.axes == 1:
            return made
        _, _, high, wide = images.shape
        left, right, top, bottom = self.padding
        shape = tuple(
            (size - reach * (kernel - 1) - 1) // stride + 1
            for size, reach, kernel, stride in zip(
                (high + top + bottom, wide + left + right),
                self.dilation, self.kernel, self.stride, strict=True,
            )
        )  # fmt: skip
        return made.view(*made.shape[:2], *shape)

    def _padded(self, images: Tensor) -> Tensor:
        around = self.padding[: 2 * self.axes]
        wide = nn.functional.pad(images, around, mode=self.mode) if any(around) else images
        return wide[:, :, None] if self.axes == 1 else wide


def _of_image(size: tuple[int, ...]) -> tuple[int, int]:
    """(vertical, horizontal); a single axis is horizontal."""
    return (size[0], size[1]) if len(size) == 2 else (1, size[0])


def windows_of(layer: nn.Module) -> Window | None:
    """Of a convolution; None for a layer that takes all of a sample."""
    return Window.of(layer) if isinstance(layer, (nn.Conv1d, nn.Conv2d)) else None


def vectors_of(window: Window | None, inputs: Tensor) -> Tensor:
    """What a layer's arrays are given, [sample, vector, group, input], of a batch of its inputs.

    Raises:
        InputError: if there is no axis of samples.
    """
    axes = 2 if window is None else window.axes + 2
    if inputs.dim() < axes or (window is not None and inputs.dim() > axes):
        wanted = "[sample, ..., input]" if window is None else "[sample, channel, ...]"
        allowed = f"inputs of this layer must have the shape {wanted}, with {axes} axes"
        raise InputError(source="convert", key="inputs", value=list(inputs.shape), allowed=allowed)
    if window is not None:
        return window.patches(inputs)
    return inputs.reshape(len(inputs), math.prod(inputs.shape[1:-1]), 1, inputs.shape[-1])


def outputs_of(window: Window | None, made: Tensor, inputs: Tensor) -> Tensor:
    """A layer's outputs in torch's shape, of [sample, vector, output]."""
    if window is not None:
        return window.images(made, inputs)
    return made.reshape(*inputs.shape[:-1], made.shape[-1])
