"""The one dialect of JSON that reports are written in."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def as_json(data: Any) -> str:
    """JSON text without NaN (null) and Infinity (``"inf"``)."""
    return json.dumps(_plain(data), indent=1, allow_nan=False) + "\n"


def _plain(data: Any) -> Any:
    """Plain data of mappings, sequences, arrays and numbers."""
    if isinstance(data, Mapping):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, np.ndarray | np.generic):
        return _plain(data.tolist())
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None if math.isnan(data) else str(data)
    return data
