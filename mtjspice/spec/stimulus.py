"""What is applied to an array, and where it is read."""

from typing import Self

from pydantic import model_validator

from mtjspice.spec.base import Index, PositiveVoltage, Spec, VoltageMatrix


class Stimulus(Spec):
    """Input vectors, one read after the other.

    Attributes:
        volts: float64 [vector, driven row], V above the read-out's reference.
        driven_rows: the rows that the entries of a vector drive; all rows in order if left out.
        sensed_columns: the columns that are read; all columns in order if left out.
        read_voltage: the voltage that an input of 1 stands for, V; half of it holds unselected
            lines where the crossbar asks for ``half``.
    """

    volts: VoltageMatrix
    driven_rows: tuple[Index, ...] | None = None
    sensed_columns: tuple[Index, ...] | None = None
    read_voltage: PositiveVoltage = 0.1

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
