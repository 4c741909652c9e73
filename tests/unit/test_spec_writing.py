import pytest
from unit.builders import STUDY

from mtjspice.errors import InputError
from mtjspice.spec import FreeLayer, Study, Writing, parse_spec


def study(extra: str) -> Study:
    return parse_spec(STUDY + extra, Study, source="s.toml")


def test_quantities_may_be_written_with_units():
    read = study(
        '[writing]\nto_p = "800mV"\nlength = "3ns"\n[writing.free_layer]\n'
        'saturation = "800kA/m"\nthickness = "1.1nm"\n'
    ).writing
    assert read == Writing(
        to_p=0.8, length=3e-9, free_layer=FreeLayer(saturation=8e5, thickness=1.1e-9)
    )


def test_the_curie_temperature_is_given_in_kelvin_or_celsius():
    for text in ('"1420 K"', '"1146.85 °C"', "1146.85"):
        layer = study(f"[writing.free_layer]\ncurie = {text}\n").writing.free_layer
        assert layer.curie == FreeLayer().curie


def test_sizes_along_a_tile_are_read():
    sizes = '[die.diameters]\nlow = "45nm"\nhigh = "55nm"\nalong = "rows"\n'
    read = study(sizes).die.diameters
    assert (read.low, read.high, read.along) == (45e-9, 55e-9, "rows")


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("[writing]\nto_p = -1.0\n", ("writing.to_p = -1.0", "from 1 mV (0.001) to 10 V")),
        ('[writing]\nlength = "5m"\n[writing.free_layer]\ndamping = 2.0\n', ("damping = 2.0",)),
        ('[writing.free_layer]\nsaturation = "1 Oe"\n', ("saturation = '1 Oe'", "A/m")),
        ("[writing.free_layer]\nefficiency = 0.0\n", ("efficiency = 0.0", "from 0.001 to 1")),
        ('[writing.free_layer]\ncurie = "200 K"\n', ("curie", "from 300 °C to 1250 °C", "cobalt")),
        ("[writing.free_layer]\ncurie = 1420\n", ("curie = 1420", "1420 K is '1420 K'")),
        ("[writing.free_layer]\nmagnetisation_exponent = 1.5\n", ("from 0 to 1", "Curie point")),
        ("[writing.free_layer]\nanisotropy_exponent = -1.0\n", ("from 0 to 10", "interfaces")),
        ("[writing.free_layer]\nsigma_ln_delta = 2.0\n", ("sigma_ln_delta = 2.0", "from 0 to 1")),
        (
            "[die]\nsigma_ln_rp = 0.05\n[writing.free_layer]\nsigma_ln_diameter = 0.03\n",
            ("writing.free_layer.sigma_ln_diameter (0.03)", "half of die.sigma_ln_rp (0.05)"),
        ),
        ('[writing]\nprevious = "half"\n', ("previous = 'half'", "'random'")),
        ('[die.diameters]\nlow = "55nm"\nhigh = "45nm"\n', ("die.diameters", "below low")),
        ('[die.diameters]\nlow = "45nm"\n', ("die.diameters.high", "is required")),
        ('[writing]\n[crossbar.cell]\nkind = "gated"\n', ("writing must be left out", "passive")),
    ],
)
def test_what_is_wrong_is_named(extra, words):
    with pytest.raises(InputError) as caught:
        study(extra)
    for word in ("s.toml", *words):
        assert word in str(caught.value)


def test_more_networks_than_there_are_cannot_come_first():
    text = STUDY.replace('kind = "trained"\nepochs = 2\nrestarts = 1', 'kind = "population"\n'
                         "count = 5\nfirst = 6")  # fmt: skip
    with pytest.raises(InputError, match=r"first \(6\) must be at most count \(5\)"):
        parse_spec(text, Study)
