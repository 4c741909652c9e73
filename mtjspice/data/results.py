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
  ``decision_time`` s after the clock's edge; ``decision_energy`` J from the latch's supply, and of
  its share of the clock, until the end of the period. With sense amplifiers, after a transient
  only, without ``time``.
- ``settling_time`` (vector, output_line), s: from the start of the period until the output stays
  within what is allowed of where it is at the end of `hold`; ``recovery_time`` from there until it
  is where the period began, not a number if it is not before the period ends. After a transient
  that says what is allowed.
- ``gate_energy`` (vector), J: what opening and closing gate lines takes from their supply; after a
  transient with pulsed gates only.
- ``cell_voltage`` (vector, row, column), V: word line minus bit line, if cells are observed.

With amplifiers the attribute ``clipped_share`` is the share of their outputs at a limit. Where
nodes were left out of the circuit, because nothing holds and nobody reads them, ``dropped_nodes``
names them, with a blank between two. The other attributes name the level that computed it, the
simulator, the key, and the wall time that the simulator took for it (``seconds``).

Behind the NetCDF file, where its readers do not look, stands its SHA-256: a file of ours is known
before a library reads it, and what was damaged anywhere is not used.
"""

import hashlib
import math
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import netCDF4
import numpy as np
import numpy.typing as npt
import xarray as xr

from mtjspice.data.files import written_whole
from mtjspice.errors import InputError
from mtjspice.reading import read_bytes

_ONE_AT_A_TIME = threading.Lock()
"""The NetCDF library may not be called from two threads at once."""
_SIZE_AT, _SIZE_BYTES = 28, 8
"""Where the header of an HDF5 file says how long it is, bytes."""
_SEAL: Final = b"\nmtjspice result, SHA-256 "
_SEAL_BYTES: Final = len(_SEAL) + 64 + 1
_OVERHEAD: Final = 2**20
"""More than a file is longer than its numbers, bytes."""
LARGEST: Final = 2**33
"""A result whose form is not known can be so large, bytes."""
NEVER: Final = "decision_time"
"""Of what is finite but for this: a latch that has not decided has no time of it."""
NOT_YET: Final = "recovery_time"
"""And for this: an output that is not at rest again before the period ends."""
UNDECIDED: Final = "decision"


@dataclass(frozen=True)
class Form:
    """What the result of an experiment has: no more, no less.

    Attributes:
        variables: dimensions and shape of each; all are float64.
        coordinates: values of each.
        clipped: whether it has ``clipped_share``.
    """

    variables: Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]]
    coordinates: Mapping[str, npt.NDArray[Any]]
    clipped: bool

    @property
    def nbytes(self) -> int:
        """Of all its numbers."""
        numbers = sum(math.prod(shape) for _, shape in self.variables.values())
        return 8 * (numbers + sum(values.size for values in self.coordinates.values()))

    @property
    def described(self) -> dict[str, tuple[tuple[str, ...], tuple[int, ...], np.dtype[Any]]]:
        """Dimensions, shape and type of all variables and coordinates."""
        found = {n: (dims, shape, np.dtype(float)) for n, (dims, shape) in self.variables.items()}
        return found | {n: ((n,), v.shape, v.dtype) for n, v in self.coordinates.items()}


class DamagedResultError(Exception):
    """A stored result that is not what its name says; the message says why."""


def save_result(result: xr.Dataset, path: Path) -> None:
    """Write a result as NetCDF with checksums, whole or not at all.

    It is made in memory first: where a disk is full, the NetCDF library says "HDF error", keeps the
    file open and writes no other one any more.

    Raises:
        InputError: if a folder has its name, or there are no rights to write.
        StorageError: if the disk is full.
    """
    content = _as_netcdf(result)
    with written_whole(path) as temporary:
        temporary.write_bytes(content + _seal(content))


def _as_netcdf(result: xr.Dataset) -> bytes:
    """The file that `xarray.Dataset.to_netcdf` would write, which loads dask for it: half a second.

    Numbers that are missing are not numbers, as in xarray's files.
    """
    with _ONE_AT_A_TIME:
        file = netCDF4.Dataset("in memory", "w", memory=_OVERHEAD)
        for name, size in result.sizes.items():
            file.createDimension(str(name), size)
        for name, variable in result.variables.items():
            missing = np.nan if variable.dtype.kind == "f" else None
            made = file.createVariable(
                str(name), variable.dtype, tuple(map(str, variable.dims)), fletcher32=True,
                fill_value=missing,
            )  # fmt: skip
            made.setncatts(variable.attrs)
            made[...] = variable.to_numpy()
        file.setncatts(result.attrs)
        written = file.close()
    return bytes(written[: _used(written)])


def _seal(content: bytes) -> bytes:
    return _SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n"


def _used(made: memoryview) -> int:
    """Length of the file in a buffer that the library has rounded up to 64 KiB."""
    header = bytes(made[: _SIZE_AT + _SIZE_BYTES])
    # The second version of the header, with addresses of eight bytes, is what NetCDF writes.
    if header[:8] != b"\x89HDF\r\n\x1a\n" or header[8] not in (2, 3) or header[9] != _SIZE_BYTES:
        return len(made)
    return int.from_bytes(header[_SIZE_AT:], "little")


def load_result(
    path: Path, key: str = "", form: Form | None = None, simulator: str = ""
) -> xr.Dataset | None:
    """Read a stored result back into memory; None if there is none.

    Args:
        path: of the file.
        key: of the simulation that it should be of; any if left out.
        form: that its result has; any if left out.
        simulator: that computed it; any if left out.

    Raises:
        DamagedResultError: if there is something, and not this result whole. It is no error of the
            user: the simulation is run again and the file replaced.
    """
    if path.is_symlink():
        raise DamagedResultError("it is a link")
    if not path.exists():
        return None
    try:
        sealed = read_bytes(path, LARGEST if form is None else form.nbytes + _OVERHEAD)
    except InputError as error:
        raise DamagedResultError(error.allowed) from None
    content = sealed[:-_SEAL_BYTES]
    if not content or sealed[-_SEAL_BYTES:] != _seal(content):
        raise DamagedResultError("its checksum is not that of its content")
    found = _opened(content, form)
    if key and found.attrs.get("key") != key:
        raise DamagedResultError("it is of another simulation")
    if simulator and found.attrs.get("simulator") != simulator:
        raise DamagedResultError("it is of another simulator")
    if form is not None:
        _check(found, form)
    return found


def _opened(content: bytes, form: Form | None) -> xr.Dataset:
    """What a file holds, once its shapes are seen to fit: they cost memory, and no room in a file.

    Raises:
        DamagedResultError: if it has other variables, shapes or types.
    """
    try:
        with _ONE_AT_A_TIME:
            with netCDF4.Dataset("in memory", memory=content) as file:
                _check_shapes(file, len(content), form)
            with xr.open_dataset(content, engine="netcdf4") as opened:
                return opened.load()
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedResultError(f"it cannot be read: {error}") from None


def _check_shapes(file: netCDF4.Dataset, size: int, form: Form | None) -> None:
    found = {n: (one.dimensions, one.shape, one.dtype) for n, one in file.variables.items()}
    # What has no checksums may have its numbers in another file.
    bare = [name for name, one in file.variables.items() if not one.filters()["fletcher32"]]
    numbers = sum(math.prod(shape) for _, shape, _ in found.values())
    # Others, such as scale_factor or a date in units, would have xarray change the numbers.
    odd = [
        name
        for name, one in file.variables.items()
        if set(one.ncattrs()) - {"_FillValue", "units"}
        or getattr(one, "units", "1") not in {"1", "A", "V", "s", "J"}
    ]
    if bare or odd or file.groups or numbers > size:
        raise DamagedResultError("it is no file of ours")
    if form is not None and found != form.described:
        raise DamagedResultError(f"it has {found}, and should have {form.described}")


def _check(result: xr.Dataset, form: Form) -> None:
    """See that a result can be true.

    Raises:
        DamagedResultError: if not.
    """
    names = {"level", "simulator", "key", "seconds"} | (
        {"clipped_share"} if form.clipped else set()
    )
    said = result.attrs.keys() - {"dropped_nodes"}
    if said != names:
        raise DamagedResultError(f"it says {sorted(said)}, and should say {sorted(names)}")
    texts = [result.attrs[name] for name in ("level", "simulator")]
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise DamagedResultError("its level or its simulator is no line of text")
    dropped = result.attrs.get("dropped_nodes", "none")
    if not (isinstance(dropped, str) and re.fullmatch(r"\w+( \w+)*", dropped, re.ASCII)):
        raise DamagedResultError("its dropped nodes are no names of nodes")
    numbers = [result.attrs["seconds"], result.attrs.get("clipped_share", 0.0)]
    if not all(isinstance(n, float) and 0 <= n < np.inf for n in numbers) or numbers[1] > 1:
        raise DamagedResultError("its time or its share of clipped outputs is no such number")
    for name, values in form.coordinates.items():
        if not np.array_equal(result[name].to_numpy(), values):
            raise DamagedResultError(f"it has other values of {name}")
    for name in form.variables:
        values = result[name].to_numpy()
        known = np.isfinite(values)
        if name == NEVER:
            known |= np.isnan(values) & (result[UNDECIDED].to_numpy() == 0)
        elif name == NOT_YET:
            known |= np.isnan(values)
        if not known.all():
            raise DamagedResultError(f"{name} has numbers that are not finite")
    if UNDECIDED in form.variables and not np.isin(result[UNDECIDED], (-1, 0, 1)).all():
        raise DamagedResultError("it has decisions that are none")
