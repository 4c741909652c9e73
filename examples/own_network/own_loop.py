"""A network and a training loop of your own: onto tiles, trained for all dies, tried on ten.

    python examples/own_network/own_loop.py

The data are the 569 tumours of scikit-learn's breast_cancer, 30 numbers each. It takes half a
minute.
"""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from mtjspice import DefectRates
from mtjspice.nn import Converted, DieStatistics, convert

STATISTICS = DieStatistics(rates=DefectRates(short=0.003))
DIES = STATISTICS.sample(10, seed=7)


def data() -> list[Tensor]:
    """Training inputs, test inputs, training labels, test labels; each feature from 0 to 1."""
    features, labels = load_breast_cancer(return_X_y=True)
    features = (features - features.min(0)) / (features.max(0) - features.min(0))
    split = train_test_split(features, labels, test_size=0.3, random_state=0, stratify=labels)
    inputs = [torch.tensor(part, dtype=torch.float32) for part in split[:2]]
    return [*inputs, *(torch.tensor(part) for part in split[2:])]


def fit(model: nn.Module, inputs: Tensor, labels: Tensor, epochs: int = 60) -> None:
    """An ordinary loop: nothing in it knows of tiles."""
    chance = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model.train()
    for _ in range(epochs):
        for some in torch.randperm(len(inputs), generator=chance).split(64):
            loss = nn.functional.cross_entropy(model(inputs[some]), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def errors(model: Converted, inputs: Tensor, labels: Tensor) -> list[float]:
    """Share of wrong classes on each of the dies, as the surrogate reads them."""
    model.eval()
    found = []
    for die in DIES:
        wrong = model.on(die)(inputs).argmax(1) != labels
        found.append(float(wrong.float().mean()))
    return found


def main() -> None:
    inputs, held, labels, held_labels = data()
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(30, 24), nn.Tanh(), nn.Linear(24, 2))
    fit(network, inputs, labels)
    software = float((network(held).argmax(1) != held_labels).float().mean())
    print(f"in software, any weights: {100 * software:.1f} % wrong")

    print(convert(network, inputs).summary())
    for name in ("rounded", "trained as if arrays were ideal", "trained for all dies"):
        model = convert(network, inputs, weights="ternary")
        if name == "trained as if arrays were ideal":
            fit(model.ideal(), inputs, labels)
        elif name == "trained for all dies":
            fit(model.draw(STATISTICS, seed=1), inputs, labels)
        wrong = errors(model, held, held_labels)
        mean = sum(wrong) / len(wrong)
        print(f"{name}: {100 * mean:.1f} % wrong, worst die {100 * max(wrong):.1f} %")


if __name__ == "__main__":
    main()
