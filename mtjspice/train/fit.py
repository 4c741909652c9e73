"""Training of networks on tiles: ideal, for one die, or for the distribution of dies."""

import hashlib
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mtjspice.data import versions
from mtjspice.data.files import make_folder
from mtjspice.data.network import Layer, Network
from mtjspice.data.samples import Samples
from mtjspice.errors import InputError
from mtjspice.reading import MIB
from mtjspice.spec.die import Die
from mtjspice.spec.training import Hardware, TrainingStudy
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.checkpoint import State, load_checkpoint, save_checkpoint
from mtjspice.train.faults import CellUnits, Pool, draw_pool
from mtjspice.train.loop import Progress
from mtjspice.train.model import TiledModel
from mtjspice.train.plan import check_training, used_features
from mtjspice.train.schedule import rate_of
from mtjspice.train.threads import one_thread
from mtjspice.train.tiles import Placement, TiledLayer, states_of
from mtjspice.train.units import cell_units, nominal

DRAWS = 256
"""Dies in a pool; consecutive ones meet in a batch."""
ROUND = 200
"""Least number of steps between two solutions of the circuit, which cost some fifty steps each."""
DIVERGED = 5.0
"""A mean loss of an epoch beyond this many times that of guessing is taken for divergence."""
RESTING = 0.7
"""Latent weights of ±1 that training starts from: near enough to the threshold to be changed."""


def training_key(
    study: TrainingStudy,
    samples: Samples,
    surrogate: Surrogate,
    dies: Sequence[Die] = (),
    start: Network | None = None,
) -> str:
    """SHA-256 of all that determines trained weights."""
    data = hashlib.sha256(samples.inputs.tobytes() + samples.labels.tobytes())
    data.update(samples.train.tobytes() + " ".join(samples.classes).encode())
    parts = [study.key(), data.hexdigest(), surrogate.card.key(), versions.of_training()]
    if study.training.method == "hardware-aware":
        parts += [die.key() for die in dies]
    if start is not None:
        parts.append(start.key)
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def train(
    study: TrainingStudy,
    samples: Samples,
    surrogate: Surrogate,
    *,
    dies: Sequence[Die] = (),
    start: Network | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    notes: list[str] | None = None,
) -> Network:
    """Train one network.

    Args:
        study: network, hardware, method.
        samples: of which the training samples are used.
        surrogate: of the tiles' card.
        dies: those that the network spans, for ``hardware-aware``.
        start: trained weights to start from; random ones if left out.
        checkpoint: file that the state is kept in from epoch to epoch, and found again in.
        progress: told of each epoch.
        notes: what should be said of the training is added to them.

    Raises:
        CapacityError: if the network does not fit the dies; nothing is written then.
        InputError: if anything else does not fit, and nothing is written then; or if the loss
            diverges, and the last good checkpoint is kept.
    """
    with one_thread():
        session = Session(study, samples, surrogate, dies, start, checkpoint)
        weights = session.run(progress)
    if notes is not None:
        notes += session.notes
    return weights


class Session:
    """One training from its start, or from where its checkpoint stands; arguments as of `train`."""

    def __init__(
        self,
        study: TrainingStudy,
        samples: Samples,
        surrogate: Surrogate,
        dies: Sequence[Die],
        start: Network | None = None,
        checkpoint: Path | None = None,
    ):
        self.study, self.recipe, self.checkpoint = study, study.training, checkpoint
        self.samples, self.surrogate = samples, surrogate
        self.placements = check_training(study, samples, surrogate, dies, start)
        self.features = used_features(study, samples, self.placements[0].groups)
        inputs = samples.inputs[samples.train][:, self.features]
        self.inputs = torch.from_numpy(inputs.astype(np.float32))
        self.labels = torch.from_numpy(samples.labels[samples.train])
        self.dies = self.recipe.dies if self.recipe.method == "statistics-aware" else 1
        self.steps = len(self.inputs) // self.recipe.batch  # of an epoch
        self.epochs = max(self.recipe.epochs, -(-self.recipe.steps // self.steps))
        self.every = -(-ROUND // self.steps)  # so many epochs with the same pools
        self.key = training_key(study, samples, surrogate, dies, start)
        self.chance = torch.Generator().manual_seed(study.seed)
        self.model = TiledModel(study.network, self.placements, self.chance)
        if start is not None:
            _start_from(self.model, start)
        found = nominal(self.placements, surrogate, study.hardware, self.model.weights())
        self.layers, self.unit = found
        self.cells: list[CellUnits] = []
        if self.recipe.method == "statistics-aware":
            self.cells = [cell_units(layer, surrogate, study.hardware) for layer in self.layers]
        if self.recipe.method == "hardware-aware":
            self.layers = _on(self.placements, surrogate, dies, study.hardware, self.unit)
        self.optimizer = torch.optim.Adam(
            self.model.parameters, lr=self.recipe.learning_rate, fused=True
        )
        self.loss: list[float] = []
        self.kept = 0  # epochs that the checkpoint holds
        self.notes: list[str] = []

    def run(self, progress: Progress | None) -> Network:
        """All epochs that are left; only now is anything written."""
        if self.checkpoint is not None:
            make_folder(self.checkpoint.parent)
            self._found_again(self.checkpoint)
        epochs, every = self.epochs, self.every
        pools: list[Pool] = []
        for epoch in range(len(self.loss), epochs):
            if epoch % every == 0:
                pools = self.prepared()
            loss = self.epoch(epoch, pools)
            self._check(epoch, loss)
            self.loss.append(loss)
            # In between, the state would have to hold the pools as well.
            if self.checkpoint is not None and (epoch + 1) % every == 0:
                save_checkpoint(self.checkpoint, self._state())
                self.kept = epoch + 1
            if progress:
                progress(epoch + 1, epochs)
        return self._written()

    def _written(self) -> Network:
        """The weights as they go into tiles."""
        model = self.model
        parts = zip(
            self.placements, model.weights(), self.unit, model.gain, model.outlier, model.bias,
            strict=True,
        )  # fmt: skip
        layers = tuple(
            Layer(
                groups=placement.groups,
                copies=placement.copies,
                inputs=placement.inputs,
                outputs=placement.outputs,
                first=placement.first,
                states=placement.states(weights).numpy(),
                unit=unit,
                g_norm=unit / abs(float(gain.detach())),
                outlier=outlier,
                bias=bias.detach().double().numpy(),
            )
            for placement, weights, unit, gain, outlier, bias in parts
        )
        return Network(
            name=self.study.name,
            study=self.study,
            features=self.features,
            classes=self.samples.classes,
            data=self.samples.source,
            card=self.surrogate.card.key(),
            key=self.key,
            loss=tuple(self.loss),
            layers=layers,
        )

    def epoch(self, epoch: int, pools: Sequence[Pool]) -> float:
        """One pass over the samples; the mean loss."""
        order = torch.randperm(len(self.inputs), generator=self.chance)
        steps, batch, total = self.steps, self.recipe.batch, torch.zeros(())
        for step in range(steps):
            self._set_rate(epoch * steps + step)
            some = order[step * batch : (step + 1) * batch]
            outputs = self.model.forward(self.inputs[some], self._matrices(pools, step))
            loss = torch.nn.functional.cross_entropy(outputs, self.labels[some])
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            with torch.no_grad():
                for latent in self.model.latent:
                    latent.clamp_(-1, 1)
            total += loss.detach()
        return float(total / steps)

    def prepared(self) -> list[Pool]:
        """Solve the circuits for the present weights; draw the dies of the next epochs."""
        if self.recipe.method == "ideal":
            return []
        for layer, weights in zip(self.layers, self.model.weights(), strict=True):
            layer.refresh(weights)
        if self.recipe.method == "hardware-aware":
            return []
        rates = self.study.hardware.rates
        return [
            draw_pool(placement, cells, rates, max(DRAWS, self.dies), self.chance)
            for placement, cells in zip(self.placements, self.cells, strict=True)
        ]

    def _matrices(self, pools: Sequence[Pool], step: int) -> list[Tensor]:
        """Of each layer for one step; several dies where there are pools."""
        weights = self.model.rounded()
        if self.recipe.method == "ideal":
            return weights
        found = [layer.matrix(w) for layer, w in zip(self.layers, weights, strict=True)]
        if not pools:
            return found
        dies = self.dies
        first = step * dies % (len(pools[0].added) - dies + 1)
        return [pool.of(first, dies, m) for pool, m in zip(pools, found, strict=True)]

    def _set_rate(self, step: int) -> None:
        rate = rate_of(step, self.steps * self.epochs, self.recipe.learning_rate)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _check(self, epoch: int, loss: float) -> None:
        """Stop where the loss diverges, before the checkpoint is overwritten."""
        guess = math.log(self.model.bias[-1].numel())
        finite = all(bool(p.isfinite().all()) for p in self.model.parameters)
        if finite and math.isfinite(loss) and loss <= DIVERGED * guess:
            return
        kept = "no state was kept"
        if self.kept:
            kept = f"the state after epoch {self.kept} is kept in {self.checkpoint}"
        raise InputError(
            source=self.study.name,
            key="training.learning_rate",
            value=self.recipe.learning_rate,
            allowed=f"the loss diverged in epoch {epoch + 1} (mean {loss:.3g}; guessing has "
            f"{guess:.3g}); {kept}; try a lower rate",
        )

    def _state(self) -> State:
        state = self.optimizer.state_dict()["state"]
        return State(
            key=self.key,
            loss=tuple(self.loss),
            parameters=[p.detach() for p in self.model.parameters],
            moments=[state[k][name] for k in sorted(state) for name in ("exp_avg", "exp_avg_sq")],
            steps=[state[k]["step"] for k in sorted(state)],
            chance=self.chance.get_state(),
        )

    def _found_again(self, path: Path) -> None:
        """Go on from a checkpoint of this training; say so if there is one that cannot be used."""
        if not os.path.lexists(path):
            return
        most = 4 * sum(p.nbytes for p in self.model.parameters) + MIB
        try:
            state = load_checkpoint(path, most)
            self._check_state(state, path)
        except InputError as error:
            self.notes.append(f"the training begins anew: {error}")
            return
        with torch.no_grad():
            for mine, kept in zip(self.model.parameters, state.parameters, strict=True):
                mine.copy_(kept)
        content = self.optimizer.state_dict()
        content["state"] = {
            k: {"exp_avg": state.moments[2 * k], "exp_avg_sq": state.moments[2 * k + 1], "step": s}
            for k, s in enumerate(state.steps)
        }
        self.optimizer.load_state_dict(content)
        self.chance.set_state(state.chance)
        self.loss = list(state.loss)
        self.kept = len(self.loss)

    def _check_state(self, state: State, path: Path) -> None:
        """See that a state is one that this training was in.

        Raises:
            InputError: if it is not.
        """
        if state.key != self.key:
            allowed = "is the checkpoint of another training"
            raise InputError(source=path, key="key", value=state.key, allowed=allowed)
        sizes = [p.shape for p in self.model.parameters]
        done = len(state.loss)
        fits = (
            [p.shape for p in state.parameters] == sizes
            and [m.shape for m in state.moments] == [size for size in sizes for _ in range(2)]
            and [float(s) for s in state.steps] == [done * self.steps] * len(sizes)
            and 0 < done <= self.epochs
            and done % self.every == 0
        )
        if not fits:
            raise InputError(source=path, allowed="does not fit the training that it names")


def _on(
    placements: Sequence[Placement],
    surrogate: Surrogate,
    dies: Sequence[Die],
    hardware: Hardware,
    units: Sequence[float],
) -> list[TiledLayer]:
    """The layers on given dies, counted in the nominal units."""
    made = [TiledLayer(p, surrogate, dies, tiles=hardware.tiles) for p in placements]
    for layer, unit in zip(made, units, strict=True):
        layer.unit = unit
    return made


def _start_from(model: TiledModel, start: Network) -> None:
    """Begin at trained weights."""
    with torch.no_grad():
        for k, (layer, placement) in enumerate(zip(start.layers, model.placements, strict=True)):
            weights = placement.weights(states_of(layer))
            model.latent[k].copy_(weights * RESTING)
            model.gain[k].fill_(layer.unit / layer.g_norm)
            model.bias[k].copy_(torch.from_numpy(layer.bias))
