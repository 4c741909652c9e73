"""One set of weights for every die: draw dies, keep their maps, train twice, compare.

    python examples/die20k/train_for_all_dies.py [FOLDER]

With the small digits of scikit-learn, so that it takes about half a minute.
"""

import sys
from pathlib import Path
from statistics import fmean

from mtjspice import (
    TrainingStudy,
    draw_dies,
    load_card,
    load_dies,
    read_small_digits,
    read_spec,
    save_dies,
)
from mtjspice.nn import Surrogate, error_of, on_dies, tensors, train
from mtjspice.spec import Training

EPOCHS = 40


def main(folder: Path) -> None:
    study = read_spec(Path(__file__).parent / "training.toml", TrainingStudy)
    hardware, samples = study.hardware, read_small_digits()
    surrogate = Surrogate(load_card(hardware.card), "full")

    # Six dies from a seed, each with a defect map of its own, as CSV.
    shape = surrogate.card.circuit.crossbar.shape
    drawn = draw_dies(hardware.spread, hardware.rates, shape, hardware.tiles, count=6, seed=7)
    save_dies(folder, drawn)
    dies = load_dies(folder, shape, hardware.tiles)
    print(f"{folder}: {[len(die.defects) for die in dies]} defects")

    # The same network, as if the array were ideal and for the statistics of dies.
    images, labels = tensors(samples, ~samples.train)
    for method in ("ideal", "statistics-aware"):
        recipe = Training(method=method, epochs=EPOCHS, batch=32)
        weights = train(study.replace(training=recipe), samples, surrogate)
        errors = [error_of(on_dies(weights, surrogate, [die]), images, labels) for die in dies]
        print(f"{method}: {100 * fmean(errors):.1f} % wrong, worst die {100 * max(errors):.1f} %")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out/dies"))
