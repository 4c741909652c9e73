"""What a simulation gives, labelled; and its file.

A result is an `xarray.Dataset` with the dimensions ``vector`` (input vectors in their order),
``input_line`` (rows by number), ``output_line`` (sensed columns by number) and, where cells are
observed, ``row`` and ``column``. Its variables, all float64:

After a transient ``time`` (s, from the start of a period) follows ``vector`` everywhere.

- ``current`` (vector, output_line), A: out of the array into the read-out.
- ``input_current`` (vector, input_line), A: out of the row's source into the array; 0 for a row
  that floats.
- ``amplifier_voltage`` (vector, output_line), V: with amplifiers only.
- ``sense_voltage`` (vector, output_line), V: what latches compare; with sense amplifiers only.
- ``decision`` (vector, output_line): +1 above the threshold, −1 below, 0 not decided;
  ``decision_time`` s after the clock's edge; ``decision_energy`` J from the latch's supply, until
  the end of the period. With sense amplifiers, after a transient only, without ``time``.
- ``cell_voltage`` (vector, row, column), V: word line minus bit line, if cells are observed.

With amplifiers the attribute ``clipped_share`` is the share of their outputs at a limit. Where
nodes were left out of the circuit, because nothing holds and nobody reads them, ``dropped_nodes``
names them, with a blank between two. The other attributes name the level that computed it, the
simulator, the key, and the wall time that the simulator took for it (``seconds``).
"""

import threading
from pathlib import Path

import xarray as xr

from mtjspice.data.files import written_whole

_ONE_AT_A_TIME = threading.Lock()
"""The NetCDF library may not be called from two threads at once."""
_SIZE_AT, _SIZE_BYTES = 28, 8
"""Where the header of an HDF5 file says how long it is, bytes."""


def save_result(result: xr.Dataset, path: Path) -> None:
    """Write a result as NetCDF with checksums, whole or not at all.

    It is made in memory first: where a disk is full, the NetCDF library says "HDF error", keeps the
    file open and writes no other one any more.

    Raises:
        StorageError: if the disk is full.
    """
    encoding = {name: {"fletcher32": True} for name in result.data_vars}
    with _ONE_AT_A_TIME:
        made = result.to_netcdf(engine="netcdf4", encoding=encoding)
    with written_whole(path) as temporary:
        temporary.write_bytes(made[: _used(made)])


def _used(made: memoryview) -> int:
    """Length of the file in a buffer that the library has rounded up to 64 KiB."""
    header = bytes(made[: _SIZE_AT + _SIZE_BYTES])
    # The second version of the header, with addresses of eight bytes, is what NetCDF writes.
    if header[:8] != b"\x89HDF\r\n\x1a\n" or header[8] not in (2, 3) or header[9] != _SIZE_BYTES:
        return len(made)
    return int.from_bytes(header[_SIZE_AT:], "little")


def load_result(path: Path) -> xr.Dataset | None:
    """Read a result back into memory; None if the file is missing or damaged.

    A damaged file is not an error: its simulation is run again and the file replaced.
    """
    if not path.is_file():
        return None
    try:
        with _ONE_AT_A_TIME, xr.open_dataset(path, engine="netcdf4") as opened:
            return opened.load()
    except (OSError, RuntimeError, ValueError, KeyError):
        return None
