"""Do trained weights still classify in SPICE? A small network on two dies, signed off.

    python examples/die20k/sign_off_weights.py [FOLDER]

The network has 4 tiles of each die, so that it takes half a minute. The command does the same with
a folder of weights and one of dies: mtjspice signoff WEIGHTS --dies DIES.
"""

import sys
from pathlib import Path

from mtjspice import (
    SignOff,
    TrainingStudy,
    draw_dies,
    load_card,
    read_small_digits,
    read_spec,
    run_signoff,
    save_dies,
    save_weights,
)
from mtjspice.nn import Surrogate, train
from mtjspice.spec import SignOffLimits, TiledNetwork


def main(folder: Path) -> None:
    # Weights for the statistics of dies, and two dies that training never met.
    study = read_spec(Path(__file__).parent / "training.toml", TrainingStudy)
    study = study.replace(
        network=TiledNetwork(hidden=(12,)),
        training=study.training.replace(epochs=40, steps=1, batch=64),
    )
    surrogate = Surrogate(load_card(study.hardware.card))
    save_weights(folder / "weights", train(study, read_small_digits(), surrogate))
    hardware, shape = study.hardware, surrogate.card.circuit.crossbar.shape
    dies = draw_dies(hardware.spread, hardware.rates, shape, hardware.tiles, count=2, seed=7)
    save_dies(folder / "dies", dies)

    # 500 images tell a mean to some five points, and what a single die loses to ten.
    asked = SignOff(
        accuracy_bound=0.05, limits=SignOffLimits(drop_mean=0.1, drop_die=0.2, flips=0.1)
    )
    story = run_signoff(
        folder / "weights", folder / "dies", folder / "signoff", spec=asked, digits=True
    )

    of, (judged,) = len(story.labels), story.judged
    known = judged.statement
    print(f"{known.simulated} of {known.images} images simulated in SPICE:")
    print(f"{known.unsafe} were not safe, {known.audited} were drawn for the audit")
    for die in judged.dies:
        right = (die.final == story.labels).sum()
        print(f"{die.name}: {right} of {of} right in SPICE, {die.flipped.sum()} classes flipped")
    print(f"known to {100 * known.accuracy:.1f} points at {100 * known.confidence:g} % confidence")
    print(f"verdict: {story.verdict.upper()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out/small-signoff"))
