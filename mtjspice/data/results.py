"""What a simulation gives, labelled; and its file.

A result is an `xarray.Dataset` with the dimensions ``vector`` (input vectors in their order),
``input_line`` (rows by number), ``output_line`` (sensed columns by number) and, where cells are
observed, ``row`` and ``column``. Its variables, all float64:

- ``current`` (vector, output_line), A: out of the array into the read-out.
- ``input_current`` (vector, input_line), A: out of the row's source into the array; 0 for a row
  that floats.
- ``amplifier_voltage`` (vector, output_line), V: with amplifiers only.
- ``cell_voltage`` (vector, row, column), V: word line minus bit line, if cells are observed.

Its attributes name the level that computed it, the simulator and the key.
"""

from pathlib import Path

import xarray as xr

from mtjspice.data.files import written_whole


def save_result(result: xr.Dataset, path: Path) -> None:
    """Write a result as NetCDF, whole or not at all."""
    with written_whole(path) as temporary:
        result.to_netcdf(temporary, engine="netcdf4")


def load_result(path: Path) -> xr.Dataset | None:
    """Read a result back into memory; None if the file is missing or damaged.

    A damaged file is not an error: its simulation is run again and the file replaced.
    """
    if not path.is_file():
        return None
    try:
        with xr.open_dataset(path, engine="netcdf4") as opened:
            return opened.load()
    except (OSError, ValueError, KeyError):
        return None
