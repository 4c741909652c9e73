"""One chip: its spread and its defects."""

from typing import Literal, Self

from pydantic import model_validator

from mtjspice.spec.base import Index, PositiveResistance, Seed, Spec, Spread

DefectKind = Literal["short", "open", "stuck_p", "stuck_ap"]


class Defect(Spec):
    """One bad junction: a short, an open, or a junction that does not switch."""

    kind: DefectKind
    row: Index
    column: Index
    tile: Index = 0


class Die(Spec):
    """One draw of variation and one defect map. Tiles are told apart by their index.

    Attributes:
        sigma_ln_rp: standard deviation of ln R_P from device to device.
        sigma_ln_tmr: standard deviation of ln TMR0 from device to device.
        sigma_ln_rp_die: the same from die to die, common to all devices of a die.
        sigma_ln_tmr_die: the same from die to die, common to all devices of a die.
        short_resistance: resistance of a shorted junction, Ω.
        defects: the bad junctions, at most one at a place.
        seed: of the draw.
    """

    sigma_ln_rp: Spread = 0.0
    sigma_ln_tmr: Spread = 0.0
    sigma_ln_rp_die: Spread = 0.0
    sigma_ln_tmr_die: Spread = 0.0
    short_resistance: PositiveResistance = 100.0
    defects: tuple[Defect, ...] = ()
    seed: Seed = 0

    @model_validator(mode="after")
    def _check_places(self) -> Self:
        seen: dict[tuple[int, int, int], str] = {}
        for defect in self.defects:
            place = defect.tile, defect.row, defect.column
            if place in seen:
                raise ValueError(
                    f"two defects ({seen[place]}, {defect.kind}) at tile {defect.tile}, "
                    f"row {defect.row}, column {defect.column}; a junction has at most one"
                )
            seen[place] = defect.kind
        return self
