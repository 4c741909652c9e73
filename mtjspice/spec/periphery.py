"""What reads the columns."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mtjspice.spec.base import PositiveResistance, Resistance, Spec, Voltage


class VirtualGround(Spec):
    """An ideal current meter that holds its column at the reference.

    Attributes:
        reference: potential of the column end, V; stimulus voltages count from it.
    """

    kind: Literal["virtual_ground"] = "virtual_ground"
    reference: Voltage = 0.0


class TransimpedanceAmplifier(Spec):
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
    """

    kind: Literal["transimpedance"] = "transimpedance"
    reference: Voltage = 0.0
    gain: PositiveResistance = 2e3
    input_resistance: Resistance = 0.0
    zero: Voltage = 0.0
    clip_low: Voltage = -1.65
    clip_high: Voltage = 1.65

    @model_validator(mode="after")
    def _check_clipping(self) -> Self:
        if not self.clip_low <= self.zero <= self.clip_high or self.clip_low == self.clip_high:
            raise ValueError(
                f"zero ({self.zero} V) must lie between clip_low ({self.clip_low} V) "
                f"and clip_high ({self.clip_high} V)"
            )
        return self


Periphery = Annotated[VirtualGround | TransimpedanceAmplifier, Field(discriminator="kind")]
