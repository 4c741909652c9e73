import pytest

from mtjspice.spice.doctor import examine


def found() -> dict:
    return {finding.part: finding for finding in examine()}


@pytest.mark.ngspice
def test_what_is_installed_is_found_with_its_version():
    findings = found()
    assert {"Python", "mtjspice", "PySpice", "torch", "ngspice", "KLU solver"} <= set(findings)
    assert all(finding.usable for finding in findings.values())
    assert findings["PySpice"].found == "1.5"
    assert "libngspice" in findings["ngspice"].found


def test_a_missing_simulator_comes_with_advice(monkeypatch, tmp_path):
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(tmp_path / "libngspice.so.0"))
    ngspice = found()["ngspice"]
    assert not ngspice.usable
    assert "Install ngspice" in ngspice.advice
    assert str(tmp_path) in ngspice.advice
