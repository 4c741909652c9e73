from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr

from mtjspice.data.results import load_result, save_result


@pytest.fixture
def result() -> xr.Dataset:
    values = np.random.default_rng(1).normal(scale=1e-5, size=(40, 3))
    return xr.Dataset(
        {"current": (("vector", "output_line"), values, {"units": "A"})},
        coords={"output_line": [0, 2, 5]},
        attrs={"level": "ngspice", "simulator": "ngspice 46 (KLU)", "key": "abc"},
    )


def test_a_result_that_is_saved_loads_identical(tmp_path, result):
    save_result(result, tmp_path / "r.nc")
    loaded = load_result(tmp_path / "r.nc")
    assert loaded.identical(result)
    assert loaded["current"].dtype == np.float64


def test_a_loaded_result_does_not_hold_its_file(tmp_path, result):
    path = tmp_path / "r.nc"
    save_result(result, path)
    loaded = load_result(path)
    path.unlink()
    assert loaded["current"].sum() == result["current"].sum()


def test_saving_leaves_nothing_else(tmp_path, result):
    save_result(result, tmp_path / "r.nc")
    save_result(result, tmp_path / "r.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["r.nc"]


def test_a_missing_result_is_none(tmp_path):
    assert load_result(tmp_path / "r.nc") is None


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_file_that_was_cut_off_is_none(tmp_path, result, share):
    path = tmp_path / "r.nc"
    save_result(result, path)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    assert load_result(path) is None


def test_a_file_with_overwritten_values_is_none(tmp_path, result):
    path = tmp_path / "r.nc"
    save_result(result, path)
    raw, value = path.read_bytes(), result["current"].to_numpy()[7, 1].tobytes()
    assert raw.count(value) == 1
    path.write_bytes(raw.replace(value, np.float64(1.0).tobytes()))
    assert load_result(path) is None


def test_a_file_of_something_else_is_none(tmp_path):
    (tmp_path / "r.nc").write_text("not a result")
    assert load_result(tmp_path / "r.nc") is None


@pytest.mark.parametrize("vectors", [1, 3000, 30_000])
def test_a_file_has_no_padding(tmp_path, vectors):
    long = xr.Dataset({"current": ("vector", np.ones(vectors))})
    save_result(long, tmp_path / "r.nc")
    assert (tmp_path / "r.nc").stat().st_size < long.nbytes + 16_000
    assert load_result(tmp_path / "r.nc").identical(long)


def test_results_may_be_written_and_read_in_several_threads(tmp_path, result):
    def there_and_back(k: int) -> bool:
        path = tmp_path / f"{k % 5}.nc"
        save_result(result, path)
        return load_result(path).identical(result)

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(there_and_back, range(60)))
