"""A whole die's design: many equal tiles with their converters."""

from typing import Literal, Self

from pydantic import model_validator

from mtjspice.spec.base import Name, ReadVoltage, Samples, Seed, Spec, Tiles
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.die import Die
from mtjspice.spec.periphery import Converter, Periphery, VirtualGround
from mtjspice.spec.resources import Resources, SimulatorLimits
from mtjspice.spec.technology import Technology

Pattern = Literal["random", "checkerboard", "all_p", "all_ap"]


class DieDesign(Spec):
    """Tiles of one kind on a chip, and what they are tried with.

    Attributes:
        name: of the design.
        tiles: how many there are.
        crossbar: each of them.
        die: spread and defects; a defect names its tile.
        periphery: the read-out of each column.
        technology: card, corner and temperature.
        dac: makes the input voltages, around the read-out's reference.
        adc: reads the amplifiers' outputs.
        read_voltage: largest input, V; inputs are bipolar.
        pattern: states that are written for a trial.
        vectors: random input vectors of a trial, for each tile.
        seed: of random states and inputs; every tile has its own.
        simulator: limits on its processes; no part of the spec's key.

    Example:
        >>> from mtjspice import DieDesign, read_spec
        >>> read_spec("examples/die20k/die.toml", DieDesign).tiles
        32
    """

    name: Name
    tiles: Tiles
    crossbar: Crossbar
    die: Die = Die()
    periphery: Periphery = VirtualGround()
    technology: Technology = Technology()
    dac: Converter = Converter()
    adc: Converter = Converter()
    read_voltage: ReadVoltage = 0.1
    pattern: Pattern = "random"
    vectors: Samples = 10
    seed: Seed = 0
    simulator: SimulatorLimits = Resources()

    @model_validator(mode="after")
    def _check_defects(self) -> Self:
        self.die.check_fit(self.crossbar.shape)
        self.die.check_short(self.crossbar.cell.mtj)
        low, high = (self.periphery.reference + s * self.read_voltage for s in (-1, 1))
        if low < self.dac.low or high > self.dac.high:
            raise ValueError(
                f"inputs reach from {low:g} to {high:g} V (periphery.reference and read_voltage); "
                f"the DAC gives {self.dac.low:g} to {self.dac.high:g} V"
            )
        for defect in self.die.defects:
            if defect.tile >= self.tiles:
                raise ValueError(
                    f"die.defects names tile {defect.tile}; there are tiles 0 to {self.tiles - 1}"
                )
        return self
