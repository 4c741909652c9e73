"""What reads the columns."""

from typing import Annotated, Literal, Self

from pydantic import Tag, model_validator

from mtjspice.spec.base import (
    Capacitance,
    FileName,
    GateVoltage,
    LineCapacitance,
    Load,
    Resistance,
    Share,
    Spec,
    Voltage,
    one_of,
)
from mtjspice.spec.ranges import Whole, Within

ClipVoltage = Annotated[
    float, Within("V", -1000, 1000, "no amplifier's output goes further", usual=(-20, 20))
]
"""V, −1000 to 1000."""
Bits = Annotated[int, Whole(1, 24, "converters of arrays have 1 to 16 bits, the best 24")]
"""Of a code, 1 to 24."""


class ReadOut(Spec):
    """What every kind of read-out says of itself, so that nothing else has to ask which it is.

    A further kind is a class here and how `mtjspice.netlist.readout` draws it.
    """

    @property
    def ohms(self) -> float:
        """Between the end of a column that is read and the reference, Ω."""
        return 0.0

    @property
    def volts_per_ampere(self) -> float | None:
        """How steeply its voltage follows the current of a column, Ω; None if it gives none."""
        return None

    @property
    def amplifier(self) -> "TransimpedanceAmplifier | None":
        """Itself, if it amplifies currents and clips what is beyond its range."""
        return None

    @property
    def latch(self) -> "SenseAmplifier | None":
        """Itself, if it latches a decision in a read in time."""
        return None

    def at_supply(self, factor: float) -> Self:
        """The same where its supply, if it has one, is so many times what is written."""
        return self


class VirtualGround(ReadOut):
    """An ideal current meter that holds its column at the reference.

    Attributes:
        reference: potential of the column end, V; stimulus voltages count from it.

    Example:
        >>> from mtjspice import VirtualGround
        >>> VirtualGround(reference=0.5).kind
        'virtual_ground'
    """

    kind: Literal["virtual_ground"] = "virtual_ground"
    reference: Voltage = 0.0


class TransimpedanceAmplifier(ReadOut):
    """A macromodel: an input resistance to the reference, a linear gain, and hard clipping.

    The output is ``zero − gain·I``, held between ``clip_low`` and ``clip_high``, where I is the
    current that flows out of the column into the amplifier.

    Attributes:
        reference: potential of the virtual ground, V; stimulus voltages count from it.
        gain: transimpedance, Ω.
        input_resistance: between the column end and the virtual ground, Ω.
        zero: output at zero current, V.
        clip_low: lowest output, V.
        clip_high: highest output, V.
        clipped: share of reads that may be clipped before a warning says so.

    Example:
        >>> from mtjspice import TransimpedanceAmplifier
        >>> TransimpedanceAmplifier(gain=5e3).clip_high
        1.65
    """

    kind: Literal["transimpedance"] = "transimpedance"
    reference: Voltage = 0.0
    gain: Load = 2e3
    input_resistance: Resistance = 0.0
    zero: Voltage = 0.0
    clip_low: ClipVoltage = -1.65
    clip_high: ClipVoltage = 1.65
    clipped: Share = 0.0

    @model_validator(mode="after")
    def _check_clipping(self) -> Self:
        if not self.clip_low <= self.zero <= self.clip_high or self.clip_low == self.clip_high:
            raise ValueError(
                f"zero ({self.zero} V) must lie between clip_low ({self.clip_low} V) "
                f"and clip_high ({self.clip_high} V)"
            )
        return self

    @property
    def ohms(self) -> float:
        """The input resistance, Ω."""
        return self.input_resistance

    @property
    def volts_per_ampere(self) -> float:
        """The gain, Ω; its output falls where the current rises."""
        return self.gain

    @property
    def amplifier(self) -> "TransimpedanceAmplifier":
        """Itself."""
        return self


class SenseAmplifier(ReadOut):
    """A load that makes a voltage of each column's current, and a clocked comparator on it.

    The comparator is the PMOS-input StrongARM latch of ``models/periphery.lib``, for voltages up to
    about 0.4 V. At rest (a DC analysis) the load alone is in the circuit: a latch draws no current
    from its input.

    Attributes:
        reference: potential behind the load, V; stimulus voltages count from it.
        load: between the column end and the reference, Ω.
        threshold: what the column voltage is compared with, V.
        supply: of the latch, V.
        latch_load: at each of its outputs, F.
        replica: capacitance of the threshold's node, F, which the clock kicks as it kicks the
            column: with the column's own capacitance both move alike. That of the column's wires if
            left out; access devices add to it.
        card: of the latch's transistors, as `Technology.card`; the corner is the technology's.

    Example:
        >>> from mtjspice import SenseAmplifier
        >>> SenseAmplifier(load=3e3, threshold=0.05).supply
        1.2
    """

    kind: Literal["sense_amplifier"] = "sense_amplifier"
    reference: Voltage = 0.0
    load: Load = 1e3
    threshold: Voltage = 0.15
    supply: GateVoltage = 1.2
    latch_load: Capacitance = 2e-15
    replica: LineCapacitance | None = None
    card: FileName = "cmos12_bsim4"

    @property
    def ohms(self) -> float:
        """The load, Ω."""
        return self.load

    @property
    def volts_per_ampere(self) -> float:
        """The load, Ω."""
        return self.load

    @property
    def latch(self) -> "SenseAmplifier":
        """Itself."""
        return self

    def at_supply(self, factor: float) -> Self:
        """The same where the latch has so many times its supply."""
        return self.replace(supply=factor * self.supply)


class Converter(Spec):
    """An analogue-to-digital or digital-to-analogue converter: a quantiser with full scale.

    Attributes:
        bits: of a code.
        low: voltage of code 0, V.
        high: voltage of one code above the last, V.
        offset: added to the voltage before an ADC, after a DAC, V.
    """

    bits: Bits = 12
    low: ClipVoltage = 0.0
    high: ClipVoltage = 5.0
    offset: Voltage = 0.0

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low} V) must lie below high ({self.high} V)")
        return self

    @property
    def lsb(self) -> float:
        """Voltage of one step, V."""
        return (self.high - self.low) / float(2**self.bits)


Periphery = Annotated[
    Annotated[VirtualGround, Tag("virtual_ground")]
    | Annotated[TransimpedanceAmplifier, Tag("transimpedance")]
    | Annotated[SenseAmplifier, Tag("sense_amplifier")],
    one_of("virtual_ground"),
]
