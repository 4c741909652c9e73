"""A network on tiles while it is being trained: latent weights, gains and biases."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mtjspice.spec.training import TiledNetwork
from mtjspice.train.tiles import Placement

THRESHOLD = {"binary": 0.0, "ternary": 0.25}
"""A latent weight of a smaller magnitude is 0, one of a larger ±1."""
START = 0.5
"""Latent weights start uniform between minus and plus this."""


class TiledModel:
    """Latent weights in [−1, 1] on tiles, a gain and biases for each layer.

    A layer's partial sums come from its groups of tiles, in units of a weight times an input;
    they are weighed (`weighed`), added, scaled and biased, all digitally:
    ``x ← tanh(gain · Σ weighed(partial) + bias)``. The last layer has no tanh.

    Args:
        network: what is trained.
        placements: of its layers.
        generator: of the start.

    Attributes:
        latent: of each layer, [group, row, line].
        gain: of each layer, 0-d; its magnitude is the conductance of a weight over G_norm, which is
            above zero whatever a step of training does.
        bias: of each layer, [output].
    """

    def __init__(
        self, network: TiledNetwork, placements: Sequence[Placement], generator: torch.Generator
    ):
        self.network, self.placements = network, list(placements)
        self.outlier = network.outlier or (0.0,) * len(self.placements)
        self.latent: list[Tensor] = []
        self.gain: list[Tensor] = []
        self.bias: list[Tensor] = []
        for placement in placements:
            start = START * (2 * torch.rand(placement.shape, generator=generator) - 1)
            self.latent.append((start * placement.real).requires_grad_())
            # Sums of many weights: tanh should start in its middle.
            gain = 1.2 / (placement.inputs * placement.copies) ** 0.5
            self.gain.append(torch.tensor(gain).requires_grad_())
            self.bias.append(torch.zeros(placement.outputs, requires_grad=True))

    @property
    def parameters(self) -> list[Tensor]:
        """All that is trained, in a fixed order."""
        return [*self.latent, *self.gain, *self.bias]

    def rounded(self) -> list[Tensor]:
        """The weights −1, 0, 1; gradients pass as if they had not been rounded."""
        threshold = THRESHOLD[self.network.weights]
        return [
            latent + (_nearest(latent.detach(), threshold) - latent.detach())
            for latent in self.latent
        ]

    def weights(self) -> list[Tensor]:
        """The weights −1, 0, 1, without gradients; 0 on idle rows."""
        threshold = THRESHOLD[self.network.weights]
        return [
            _nearest(latent.detach(), threshold) * placement.real
            for latent, placement in zip(self.latent, self.placements, strict=True)
        ]

    def forward(self, inputs: Tensor, matrices: Sequence[Tensor]) -> Tensor:
        """Outputs [sample, class] before the last activation.

        Args:
            inputs: [sample, feature].
            matrices: of each layer, [group, row, line] or [die, group, row, line], in units of
                a weight; with dies, equally many consecutive samples meet each.
        """
        x = inputs
        last = len(matrices) - 1
        for k, matrix in enumerate(matrices):
            sums = self.summed(k, x, matrix)
            x = torch.addcmul(self.bias[k], sums, self.gain[k].abs())
            if k < last:
                x = activated(x, self.network.activation)
        return x

    def summed(self, k: int, x: Tensor, matrix: Tensor) -> Tensor:
        """The digital sum of layer k's partial sums, [sample, output]."""
        each = matrix if matrix.dim() == 4 else matrix[None]
        dies, groups, rows, lines = each.shape
        placement = self.placements[k]
        idle = groups * rows - placement.inputs
        wide = torch.nn.functional.pad(x, (0, idle)) if idle else x
        dealt = wide.view(dies, -1, groups, rows).transpose(1, 2)
        partial = torch.bmm(dealt.flatten(0, 1), each.reshape(dies * groups, rows, lines))
        counted = weighed(partial, self.outlier[k]).view(dies, groups, -1, lines)
        return placement.summed(counted).flatten(0, 1)


def weighed(partial: Tensor, outlier: float) -> Tensor:
    """Partial sums, each weighed by ``1/(1 + (s/outlier)⁴)``; as they are if `outlier` is 0.

    What is far beyond the sums that a healthy group gives comes from a defect, and the more it is
    beyond the less it counts: a redescending function, as robust statistics call it (F. R. Hampel,
    J. Am. Stat. Assoc. 69, 383, 1974). The fourth power leaves sums below half of `outlier` as they
    are, within 6 %.
    """
    found: Tensor = partial
    if outlier:
        found = _Weighed.apply(partial, outlier)  # type: ignore[no-untyped-call]
    return found


class _Weighed(torch.autograd.Function):
    """The weighing and its slope, made together."""

    @staticmethod
    def forward(ctx: Any, partial: Tensor, outlier: float) -> Tensor:
        fourth = (partial * (1 / outlier)).square_().square_()
        weight = (fourth + 1).reciprocal_()
        if ctx.needs_input_grad[0]:
            # d/ds s/(1 + r) = (1 − 3 r)/(1 + r)² with r = (s/outlier)⁴
            ctx.save_for_backward(fourth.mul_(-3).add_(1).mul_(weight).mul_(weight))
        return weight.mul_(partial)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (slope,) = ctx.saved_tensors
        return gradients[0] * slope, None


def activated(x: Tensor, activation: str) -> Tensor:
    """What drives the next layer; the gradient of sign is that of tanh."""
    smooth = torch.tanh(x)
    if activation == "tanh":
        return smooth
    return smooth + (torch.where(x >= 0, 1.0, -1.0) - smooth).detach()


def _nearest(latent: Tensor, threshold: float) -> Tensor:
    if not threshold:
        return torch.where(latent >= 0, 1.0, -1.0)
    return latent.sign() * (latent.abs() > threshold)


def widths_of(network: TiledNetwork, features: int, classes: int) -> list[int]:
    """Inputs, hidden neurons, outputs."""
    return [network.inputs or features, *network.hidden, classes]
