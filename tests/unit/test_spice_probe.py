import pytest

from mtjspice.errors import SimulatorMissingError
from mtjspice.spice.ngspice import probe as probing


@pytest.mark.ngspice
def test_the_library_tells_its_version():
    info = probing.probe()
    assert info.version >= probing.MIN_VERSION
    assert "libngspice" in info.library
    assert str(info) in {f"ngspice {info.version} (KLU)", f"ngspice {info.version} (without KLU)"}


@pytest.mark.parametrize("name", ["missing.so", "."])
def test_a_variable_that_names_no_file_is_refused(monkeypatch, tmp_path, name):
    monkeypatch.setenv(probing.LIBRARY_VARIABLE, str(tmp_path / name))
    with pytest.raises(SimulatorMissingError, match="names no file") as caught:
        probing.probe()
    assert str(tmp_path) in str(caught.value)
    assert "Install ngspice" in str(caught.value)


@pytest.mark.ngspice
def test_the_variable_comes_before_the_usual_folders(monkeypatch, tmp_path):
    copy = tmp_path / "libngspice.so.0"
    copy.symlink_to(probing.find_library())
    monkeypatch.setenv(probing.LIBRARY_VARIABLE, str(copy))
    assert probing.find_library() == copy
    assert probing.probe().library == str(copy)


def test_a_file_that_is_no_library_is_refused(monkeypatch, tmp_path):
    path = tmp_path / "libngspice.so.0"
    path.write_text("not a library")
    monkeypatch.setenv(probing.LIBRARY_VARIABLE, str(path))
    with pytest.raises(SimulatorMissingError, match="could not be loaded") as caught:
        probing.probe()
    assert str(path) in str(caught.value)
    assert "Install ngspice" in str(caught.value)


@pytest.mark.ngspice
def test_a_library_that_is_too_old_is_refused_with_its_version(monkeypatch):
    version = probing.probe().version
    monkeypatch.setattr(probing, "MIN_VERSION", 99)
    probing._probe.cache_clear()
    with pytest.raises(SimulatorMissingError, match=f"ngspice {version}, too old"):
        probing.probe()
