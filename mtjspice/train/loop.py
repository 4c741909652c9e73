"""Training of ternary networks as if the array were ideal."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch

from mtjspice.data.network import Layer, Network, pair_states
from mtjspice.data.samples import Samples
from mtjspice.spec.study import FullBatch, PopulationNetwork, TrainedNetwork
from mtjspice.train.threads import one_thread

Progress = Callable[[int, int], None]
"""Called with (epochs done, epochs asked for)."""

THRESHOLD = 0.5
"""A latent weight below this magnitude is 0, above it ±1: the nearest of the three."""


def train_networks(
    spec: TrainedNetwork | PopulationNetwork,
    samples: Samples,
    seed: int,
    key: str,
    progress: Progress | None = None,
) -> list[Network]:
    """The networks of a study: the best of its restarts, or its whole population.

    All are trained side by side. Each weight is a latent number in [−1, 1]; the forward pass uses
    the nearest of −1, 0, 1 and the gradient passes through as if it had not been rounded
    (straight-through estimator). The same seed gives the same networks on one machine and version;
    the key says what determined them, and all of them keep it.
    """
    many = isinstance(spec, PopulationNetwork)
    count = spec.count if isinstance(spec, PopulationNetwork) else spec.restarts
    inputs = torch.from_numpy(samples.inputs[samples.train])
    labels = torch.from_numpy(samples.labels[samples.train])
    widths = (inputs.shape[1], *spec.hidden, len(samples.classes))
    with one_thread():
        weights, biases, loss = _descend(spec, count, widths, inputs, labels, seed, progress)
    kept = range(count) if many else (int(loss.argmin()),)
    return [
        Network(
            name=f"network {n + 1}" if many else "trained",
            layers=tuple(
                Layer.on_paper(
                    pair_states(ternary(w[n]).to(torch.int8).numpy()),
                    b[n, 0].numpy().astype(np.float64),
                    k,
                )
                for k, (w, b) in enumerate(zip(weights, biases, strict=True))
            ),
            features=tuple(range(widths[0])),
            classes=samples.classes,
            data=samples.source,
            key=key,
        )
        for n in kept
    ]


def ternary(latent: torch.Tensor) -> torch.Tensor:
    """The nearest of −1, 0, 1 to each latent weight."""
    return latent.sign() * (latent.abs() >= THRESHOLD)


def forward(
    weights: list[torch.Tensor], biases: list[torch.Tensor], inputs: torch.Tensor
) -> torch.Tensor:
    """Outputs of networks side by side on an ideal array at G_norm = G_P − G_AP.

    Args:
        weights: a tensor [network, input, output] for each layer.
        biases: a tensor [network, 1, output] for each layer.
        inputs: [sample, feature].

    Returns:
        [network, sample, class], before the last activation.
    """
    x = inputs
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        x = (torch.tanh(x) if i else x) @ weight + bias
    return x


def _descend(
    spec: FullBatch,
    count: int,
    widths: tuple[int, ...],
    inputs: torch.Tensor,
    labels: torch.Tensor,
    seed: int,
    progress: Progress | None,
) -> tuple[list[torch.Tensor], list[torch.Tensor], torch.Tensor]:
    """Full-batch Adam; (latent weights, biases, last loss [network])."""
    chance = torch.Generator().manual_seed(seed)
    many = {"dtype": torch.float64, "generator": chance}
    weights = [
        (2 * torch.rand(count, a, b, **many) - 1).requires_grad_()  # type: ignore[call-overload]
        for a, b in pairwise(widths)
    ]
    biases = [torch.zeros(count, 1, b, dtype=torch.float64, requires_grad=True) for b in widths[1:]]
    optimizer = torch.optim.Adam([*weights, *biases], lr=spec.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, spec.epochs)
    targets = labels.repeat(count)
    loss = torch.zeros(count)
    for epoch in range(spec.epochs):
        rounded = [w + (ternary(w) - w).detach() for w in weights]
        outputs = forward(rounded, biases, inputs)
        each = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), targets, reduction="none")
        loss = each.view(count, -1).mean(dim=1)
        optimizer.zero_grad()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            for w in weights:
                w.clamp_(-1, 1)
        if progress:
            progress(epoch + 1, spec.epochs)
    with torch.no_grad():
        outputs = forward([ternary(w) for w in weights], biases, inputs)
        each = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), targets, reduction="none")
    return (
        [w.detach() for w in weights],
        [b.detach() for b in biases],
        each.view(count, -1).mean(dim=1),
    )
