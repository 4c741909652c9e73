"""The Wine data, as scikit-learn ships them."""

import numpy as np

from mtjspice.data.samples import Samples, scaled, stratified_split
from mtjspice.errors import InputError
from mtjspice.spec.study import WineData


def load_wine(spec: WineData, seed: int) -> Samples:
    """Read the 178 samples (13 features, 3 cultivars) and split them.

    Raises:
        InputError: if no sample would be left to train on.
    """
    from sklearn import datasets  # noqa: PLC0415, takes a second and most commands never need it

    raw, labels = datasets.load_wine(return_X_y=True)
    labels = labels.astype(np.int64)
    if spec.test_samples > len(labels) - 10:
        raise InputError(
            source="study",
            key="data.test_samples",
            value=spec.test_samples,
            allowed=f"must leave at least 10 of the {len(labels)} samples for training",
        )
    return Samples(
        inputs=scaled(raw),
        labels=labels,
        train=stratified_split(labels, spec.test_samples, seed),
        classes=("cultivar 1", "cultivar 2", "cultivar 3"),
        source="Wine data of scikit-learn",
    )
