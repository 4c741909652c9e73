"""What is applied to an array, and where it is read."""

from typing import Annotated, Self

from pydantic import model_validator

from mtjspice.spec.base import LATER, Extended, LineIndex, PositiveVoltage, Voltage, VoltageMatrix


class Stimulus(Extended):
    """Input vectors, one read after the other.

    Attributes:
        volts: float64 [vector, driven row], V above the read-out's reference.
        driven_rows: the rows that the entries of a vector drive; all rows in order if left out.
        sensed_columns: the columns that are read; all columns in order if left out.
        read_voltage: the voltage that an input of 1 stands for, V; half of it holds unselected
            lines where the crossbar asks for ``half``.
        held: potential of unselected lines, V above the reference, in the place of what the
            crossbar asks for: an inhibited line of a write follows the one that drives it.

    Example:
        >>> from mtjspice import Stimulus
        >>> Stimulus(volts=[[0.1, 0.0], [0.1, 0.1]]).volts.shape
        (2, 2)
    """

    volts: VoltageMatrix
    driven_rows: tuple[LineIndex, ...] | None = None
    sensed_columns: tuple[LineIndex, ...] | None = None
    read_voltage: PositiveVoltage = 0.1
    held: Annotated[Voltage | None, LATER] = None

    @model_validator(mode="after")
    def _check_lines(self) -> Self:
        for name in ("driven_rows", "sensed_columns"):
            lines = getattr(self, name)
            if lines is not None and (not lines or len(set(lines)) != len(lines)):
                raise ValueError(f"{name} must name at least one line, and each only once")
        if self.driven_rows is not None and len(self.driven_rows) != self.volts.shape[1]:
            raise ValueError(
                f"volts has {self.volts.shape[1]} entries a vector "
                f"but driven_rows names {len(self.driven_rows)} rows"
            )
        return self
