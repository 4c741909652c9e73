"""Do trained weights still classify in SPICE? A small network on two dies, signed off.

    python examples/die20k/sign_off_weights.py [FOLDER]

The network has 4 tiles of each die, so that it takes half a minute. The command does the same with
a folder of weights and one of dies: mtjspice signoff WEIGHTS --dies DIES.
"""

import sys
from pathlib import Path

from mtjspice.data.defects import save_dies
from mtjspice.data.mnist import read_small_digits
from mtjspice.data.weights import save_weights
from mtjspice.device.dies import draw_dies
from mtjspice.signoff.from_files import subject_of
from mtjspice.signoff.run import run_signoff
from mtjspice.spec import SignOff, SignOffLimits, TiledNetwork, TrainingStudy, read_spec
from mtjspice.surrogate.card import load_card
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.fit import train


def main(folder: Path) -> None:
    # Weights for the statistics of dies, and two dies that training never met.
    study = read_spec(Path(__file__).parent / "training.toml", TrainingStudy)
    study = study.replace(
        network=TiledNetwork(hidden=(12,)),
        training=study.training.replace(epochs=40, steps=1, batch=64),
    )
    surrogate = Surrogate(load_card(study.hardware.card))
    save_weights(folder / "weights", train(study, read_small_digits(), surrogate), {})
    hardware, shape = study.hardware, surrogate.card.circuit.crossbar.shape
    dies = draw_dies(hardware.spread, hardware.rates, shape, hardware.tiles, count=2, seed=7)
    save_dies(folder / "dies", dies)

    # 500 images tell a mean to some five points, and what a single die loses to ten.
    subject = subject_of(folder / "weights", folder / "dies", digits=True)
    asked = SignOff(
        accuracy_bound=0.05, limits=SignOffLimits(drop_mean=0.1, drop_die=0.2, flips=0.1)
    )
    story = run_signoff(subject, asked, folder / "signoff")

    of, (judged,) = len(story.labels), story.judged
    known = judged.statement
    print(f"{known.simulated} of {known.images} images simulated in ngspice:")
    print(f"{known.unsafe} were not safe, {known.audited} were drawn for the audit")
    for die in judged.dies:
        right = (die.final == story.labels).sum()
        print(f"{die.name}: {right} of {of} right in SPICE, {die.flipped.sum()} classes flipped")
    print(f"known to {100 * known.accuracy:.1f} points at {100 * known.confidence:g} % confidence")
    print(f"verdict: {story.verdict.upper()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out/small-signoff"))
