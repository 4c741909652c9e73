import os
from concurrent.futures import ThreadPoolExecutor

import netCDF4
import numpy as np
import pytest
import xarray as xr

from mtjspice.data.results import DamagedResultError, Form, _seal, load_result, save_result


@pytest.fixture
def result() -> xr.Dataset:
    values = np.random.default_rng(1).normal(scale=1e-5, size=(40, 3))
    return xr.Dataset(
        {"current": (("vector", "output_line"), values, {"units": "A"})},
        coords={"output_line": [0, 2, 5]},
        attrs={"level": "spice", "simulator": "ngspice 46 (KLU)", "key": "abc", "seconds": 0.5},
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


def refusal(path, *of) -> str:
    with pytest.raises(DamagedResultError) as caught:
        load_result(path, *of)
    return str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_file_that_was_cut_off_is_refused(tmp_path, result, share):
    path = tmp_path / "r.nc"
    save_result(result, path)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    assert "checksum" in refusal(path)


def test_a_file_with_overwritten_values_is_refused(tmp_path, result):
    path = tmp_path / "r.nc"
    save_result(result, path)
    raw, value = path.read_bytes(), result["current"].to_numpy()[7, 1].tobytes()
    assert raw.count(value) == 1
    path.write_bytes(raw.replace(value, np.float64(1.0).tobytes()))
    assert "checksum" in refusal(path)


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "r.nc").write_text("not a result" * 20)
    assert "checksum" in refusal(tmp_path / "r.nc")


def test_a_file_that_others_read_says_the_same_to_them(tmp_path, result):
    save_result(result, tmp_path / "r.nc")
    with xr.open_dataset(tmp_path / "r.nc") as opened:
        assert opened.identical(result)


def made_a_folder(path):
    path.mkdir()


def made_a_pipe(path):
    os.mkfifo(path)


def made_a_link(path):
    path.symlink_to(path.with_name("right.nc"))


def made_a_link_to_nothing(path):
    path.symlink_to("nowhere")


def made_a_link_to_zeros(path):
    path.symlink_to("/dev/zero")


def made_empty(path):
    path.touch()


def made_gigantic(path):
    with path.open("wb") as file:
        file.truncate(2**40)  # holes: it takes no room


@pytest.mark.parametrize(
    "make",
    [made_a_folder, made_a_pipe, made_a_link, made_a_link_to_nothing, made_a_link_to_zeros,
     made_empty, made_gigantic],
)  # fmt: skip
def test_what_is_no_file_of_a_result_is_refused_at_once(tmp_path, result, make):
    save_result(result, tmp_path / "right.nc")
    make(tmp_path / "r.nc")
    refusal(tmp_path / "r.nc", "", FORM)


FORM = Form(
    variables={"current": (("vector", "output_line"), (40, 3))},
    coordinates={"output_line": np.array([0, 2, 5])},
    clipped=False,
)


def test_a_result_of_its_key_and_form_is_used(tmp_path, result):
    save_result(result, tmp_path / "r.nc")
    assert load_result(tmp_path / "r.nc", "abc", FORM).identical(result)


def test_a_result_of_another_simulation_is_refused(tmp_path, result):
    save_result(result, tmp_path / "r.nc")
    assert "of another simulation" in refusal(tmp_path / "r.nc", "abd", FORM)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda r: r.isel(vector=slice(39)), "should have"),
        (lambda r: r.drop_vars("output_line"), "should have"),
        (lambda r: r.rename(current="input_current"), "should have"),
        (lambda r: r.assign(more=("vector", np.zeros(40))), "should have"),
        (lambda r: r.transpose(), "should have"),
        (lambda r: r.astype(np.float32), "should have"),
        (lambda r: r.assign_coords(output_line=[0, 2, 4]), "other values of output_line"),
        (lambda r: r.where(r["current"] < r["current"].max()), "not finite"),
        (lambda r: r / 0.0, "not finite"),
        (lambda r: r.assign_attrs(seconds=np.nan), "no such number"),
        (lambda r: r.assign_attrs(seconds=-1.0), "no such number"),
        (lambda r: r.assign_attrs(seconds="1"), "no such number"),
        (lambda r: r.assign_attrs(more=1), "should say"),
        (lambda r: r.assign_attrs(level=1), "no line of text"),
        (lambda r: r.assign_attrs(level="ng\nspice"), "no line of text"),
        (lambda r: r.assign_attrs(simulator=46), "no line of text"),
        (lambda r: r.assign_attrs(simulator="\x1b[31mngspice"), "no line of text"),
        *(
            (lambda r, nodes=nodes: r.assign_attrs(dropped_nodes=nodes), "no names of nodes")
            for nodes in (7, [1, 2], ["a", "b"], "", " ", "a  b", "a\n", "\x1b[31ma", "[red]a", "µ")
        ),
        (lambda r: r.drop_attrs(), "another simulation"),
    ],
)
def test_a_whole_file_that_cannot_be_the_result_is_refused(tmp_path, result, change, says):
    attributes = result.attrs
    with np.errstate(all="ignore"):
        changed = change(result)
    if not changed.attrs and says != "another simulation":  # arithmetic drops them
        changed = changed.assign_attrs(attributes)
    save_result(changed, tmp_path / "r.nc")
    assert says in refusal(tmp_path / "r.nc", "abc", FORM)


DECIDING = Form(
    variables=dict.fromkeys(("decision", "decision_time"), (("vector", "output_line"), (2, 1))),
    coordinates={"output_line": np.array([0])},
    clipped=True,
)


@pytest.mark.parametrize(
    ("decision", "time", "share", "says"),
    [
        ((1, 0), (1e-9, np.nan), 0.0, None),
        ((1, -1), (1e-9, np.nan), 0.0, "decision_time has numbers that are not finite"),
        ((1, 0), (1e-9, np.inf), 0.0, "decision_time has numbers that are not finite"),
        ((1, 2), (1e-9, 1e-9), 0.0, "decisions that are none"),
        ((1, 1), (1e-9, 1e-9), 1.5, "no such number"),
    ],
)
def test_a_latch_that_has_not_decided_has_no_time(tmp_path, result, decision, time, share, says):
    axes, path = ("vector", "output_line"), tmp_path / "r.nc"
    values = {"decision": decision, "decision_time": time}
    made = xr.Dataset(
        {name: (axes, np.array(v, dtype=float)[:, None]) for name, v in values.items()},
        coords={"output_line": [0]},
        attrs=result.attrs | {"clipped_share": share},
    )
    save_result(made, path)
    if says is None:
        assert load_result(path, "abc", DECIDING).identical(made)
    else:
        assert says in refusal(path, "abc", DECIDING)


def test_a_file_that_promises_more_numbers_than_it_holds_is_refused(tmp_path):
    # Chunks that were never written read as fill values: a small file of very many numbers.
    with netCDF4.Dataset(tmp_path / "b.nc", "w") as file:
        file.createDimension("vector", 2**32)
        file.createVariable("current", "f8", ("vector",), fletcher32=True, chunksizes=(1024,))
    content = (tmp_path / "b.nc").read_bytes()
    (tmp_path / "b.nc").write_bytes(content + _seal(content))
    assert "no file of ours" in refusal(tmp_path / "b.nc")


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


def test_a_result_may_say_which_nodes_were_left_out(tmp_path, result):
    save_result(result.assign_attrs(dropped_nodes="wl1_0"), tmp_path / "r.nc")
    assert load_result(tmp_path / "r.nc", "abc", FORM).attrs["dropped_nodes"] == "wl1_0"


OURS_NOT, UNREADABLE = "no file of ours", "cannot be read"


@pytest.mark.parametrize(
    ("attribute", "says"),
    [
        ({"scale_factor": 2.0}, OURS_NOT),
        ({"add_offset": 1e-5}, OURS_NOT),
        ({"units": "days since 2000-01-01"}, OURS_NOT),
        ({"units": "days"}, OURS_NOT),
        ({"units": 1}, OURS_NOT),
        ({"units": [1, 2]}, UNREADABLE),
        ({"_Unsigned": "true"}, OURS_NOT),
        ({"valid_range": [0.0, 1.0]}, OURS_NOT),
        ({"missing_value": 0.0}, OURS_NOT),
    ],
)
@pytest.mark.parametrize("variable", ["current", "output_line"])
def test_what_readers_would_change_the_numbers_by_is_refused(
    tmp_path, result, variable, attribute, says
):
    result[variable].attrs |= attribute
    save_result(result, tmp_path / "r.nc")
    assert says in refusal(tmp_path / "r.nc", "abc", FORM)


def test_a_result_of_another_simulator_is_refused(tmp_path, result):
    path = tmp_path / "r.nc"
    save_result(result, path)
    assert load_result(path, "abc", FORM, "ngspice 46 (KLU)").identical(result)
    assert "another simulator" in refusal(path, "abc", FORM, "ngspice 45 (KLU)")
    save_result(result.assign_attrs(simulator=46), path)
    assert "another simulator" in refusal(path, "abc", FORM, "46")
