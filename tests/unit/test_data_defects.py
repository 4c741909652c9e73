"""Defect maps and dies on disk."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtjspice.data.defects import (
    HEADER,
    INDEX,
    dies_from,
    load_dies,
    read_defects,
    save_dies,
    write_defects,
)
from mtjspice.device.dies import draw_dies
from mtjspice.errors import InputError
from mtjspice.spec import Defect, Diameters, Die
from mtjspice.spec.rates import DefectRates

SHAPE, TILES = (5, 4), 3
HEAD = ",".join(HEADER)
ONE_OF_EACH = (
    Defect(kind="short", tile=0, row=0, column=0),
    Defect(kind="open", tile=0, row=4, column=3),
    Defect(kind="stuck_p", tile=1, row=0, column=0),
    Defect(kind="stuck_ap", tile=2, row=1, column=2),
    Defect(kind="dead_row", tile=2, row=4),
    Defect(kind="dead_column", tile=2, column=3),
    Defect(kind="bridged_rows", tile=1, row=3, column=3),
    Defect(kind="bridged_columns", tile=1, row=4, column=2),
    Defect(kind="weak", tile=1, row=2, column=2),
)
RATES = DefectRates(
    short=0.1, stuck_p=0.1, stuck_ap=0.05, weak=0.1, dead_lines=1.0, bridged_lines=1.0
)


def read(path, text: str | bytes):
    path = path / "map.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_defects(path, SHAPE, TILES)


def refused(path, text: str | bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        read(path, text)
    assert caught.value.exit_code == 2
    assert "map.csv" in str(caught.value)
    return caught.value


def test_a_map_reads_back_as_it_was_written(tmp_path):
    write_defects(tmp_path / "map.csv", ONE_OF_EACH)
    assert read_defects(tmp_path / "map.csv", SHAPE, TILES) == ONE_OF_EACH
    lines = (tmp_path / "map.csv").read_text().splitlines()
    assert lines[0] == "kind,tile,row,column"
    assert lines[5:7] == ["dead_row,2,4,", "dead_column,2,,3"]


def test_a_map_without_defects_reads_back(tmp_path):
    write_defects(tmp_path / "map.csv", ())
    assert read_defects(tmp_path / "map.csv", SHAPE, TILES) == ()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**62), count=st.integers(0, 3))
def test_any_dies_read_back_as_they_were_written(tmp_path, seed, count):
    spread = Die(sigma_ln_rp=0.05, sigma_ln_tmr_die=0.01, short_resistance=250.0,
                 weak_factor=0.3, diameters=Diameters(low=4e-8, high=6e-8))  # fmt: skip
    dies = draw_dies(spread, RATES, SHAPE, TILES, count, seed)
    folder = tmp_path / "dies"
    save_dies(folder, dies)
    assert load_dies(folder, SHAPE, TILES) == dies


def test_comments_spaces_and_empty_lines_do_not_matter(tmp_path):
    text = "# drawn by hand\n\n kind, tile ,row,column \nshort, 1 ,2,3\r\n\n# and\ndead_row,0,1,\n"
    assert read(tmp_path, text) == (
        Defect(kind="short", tile=1, row=2, column=3),
        Defect(kind="dead_row", tile=0, row=1),
    )


def test_a_map_from_a_spreadsheet_may_start_with_a_byte_order_mark(tmp_path):
    assert read(tmp_path, f"{HEAD}\nshort,0,0,0\n".encode("utf-8-sig"))


DRAWN = (Defect(kind="short", tile=1, row=2, column=3), Defect(kind="dead_row", tile=0, row=1))


@pytest.mark.parametrize(
    "text",
    [
        '"kind","tile","row","column"\r\n"short","1","2","3"\r\n"dead_row","0","1",""\r\n',
        "Kind;Tile;Row;Column\nSHORT;1;2;3\nDead_Row;0;1;\n",
        "kind\ttile\trow\tcolumn\nshort\t1\t2\t3\ndead_row\t0\t1\t\n",
        "kind,tile,row,column,,\nshort,1,2,3,,\ndead_row,0,1,,,\n,,,,,\n\n",
        " # by hand,,\n\"# quoted, too\"\nkind,tile,row,column\n  # again\nshort, 1 , \"2\" ,3\n"
        '"# and, again",,,\ndead_row,0,1,\n',
        "\ufeffkind,tile,row,column\rshort,1,2,3\rdead_row,0,1,\r",
    ],
    ids=["quoted", "semicolons", "tabs", "empty columns", "comments", "old line ends"],
)  # fmt: skip
def test_what_spreadsheets_write_is_understood(tmp_path, text):
    assert read(tmp_path, text) == DRAWN


@pytest.mark.parametrize(
    ("line", "key", "value", "allowed"),
    [
        ("short,3,0,0", "line 3, tile", "3", "from 0 to 2"),
        ("short,0,5,0", "line 3, row", "5", "from 0 to 4: the die has 3 tiles of 5 x 4"),
        ("short,0,0,4", "line 3, column", "4", "from 0 to 3"),
        ("short,3,0,0", "line 3, tile", "3", "3 tiles of 5 x 4; the first is 0"),
        ("short,-1,0,0", "line 3, tile", "-1", "whole number"),
        ("short,0,-1,0", "line 3, row", "-1", "whole number"),
        ("short,0,1.0,0", "line 3, row", "1.0", "whole number"),
        ("short,0,two,0", "line 3, row", "two", "whole number"),
        ("short,0,²,0", "line 3, row", "²", "whole number"),
        ("short,0,0x1,0", "line 3, row", "0x1", "whole number"),
        ("short,,0,0", "line 3, tile", "", "whole number"),
        (f"short,0,{'9' * 5000},0", "line 3, row", "9" * 5000, "from 0 to 4"),
        ("hole,0,0,0", "line 3, kind", "hole", "there are short, open, stuck_p"),
        ("Shorts,0,0,0", "line 3, kind", "Shorts", "no kind of defect"),
        ("short,0,٣,0", "line 3, row", "٣", "whole number"),
        ('"short,0,0,0', "line 3", '"short,0,0,0', "kind,tile,row,column"),
        ('"short"x,0,0,0', "line 3, kind", "shortx", "no kind of defect"),
        (f"short,0,{'9' * 200_000},0", "line 3", f"short,0,{'9' * 200_000},0", "cannot be read"),
        ("short,0,0,0,,x", "line 3", "short,0,0,0,,x", "kind,tile,row,column"),
        (",0,0,0", "line 3, kind", "", "no kind of defect"),
        ("short,0,0", "line 3", "short,0,0", "kind,tile,row,column"),
        ("short,0,0,0,0", "line 3", "short,0,0,0,0", "kind,tile,row,column"),
        ("short;0;0;0", "line 3", "short;0;0;0", "kind,tile,row,column"),
        ("short,0,,0", "line 3", "short,0,,0", "short has a row and column"),
        ("dead_row,0,0,0", "line 3", "dead_row,0,0,0", "dead_row has a row, and nothing else"),
        ("dead_row,0,,", "line 3", "dead_row,0,,", "dead_row has a row"),
        ("dead_column,0,1,", "line 3", "dead_column,0,1,", "dead_column has a column"),
        ("bridged_rows,0,4,0", "line 3", "bridged_rows,0,4,0", "the last row and column"),
        ("bridged_columns,0,0,3", "line 3", "bridged_columns,0,0,3", "the last row and column"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_with_what_is_allowed(tmp_path, line, key, value, allowed):
    error = refused(tmp_path, f"{HEAD}\nshort,0,1,1\n{line}\n")
    assert error.key == key
    assert error.value == value
    assert allowed in error.allowed


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# nothing\n", "short,0,0,0\n", "tile,kind,row,column\n", f"{HEAD},note\n"]
)
def test_a_file_without_the_header_is_refused(tmp_path, text):
    error = refused(tmp_path, text)
    assert error.key == "header"
    assert HEAD in error.allowed


def test_a_file_that_is_no_text_is_refused(tmp_path):
    assert (
        "cannot be read"
        in refused(tmp_path, f"{HEAD}\nshort,0,0,0 \xb5\n".encode("latin-1")).allowed
    )
    refused(tmp_path, bytes(range(256)))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"absent\.csv.*cannot be read"):
        read_defects(tmp_path / "absent.csv", SHAPE, TILES)
    with pytest.raises(InputError, match="cannot be read"):
        read_defects(tmp_path, SHAPE, TILES)


def test_two_defects_at_a_place_are_refused_with_the_place(tmp_path):
    error = refused(tmp_path, f"{HEAD}\nshort,1,2,3\nstuck_p,1,2,3\n")
    assert "two defects (short, stuck_p) at tile 1, row 2, column 3" in str(error)
    assert error.key == "line 3"
    assert "the other is in line 2" in str(error)


def test_bridges_and_a_dead_line_may_share_a_place(tmp_path):
    text = f"{HEAD}\nshort,1,2,2\nbridged_rows,1,2,2\nbridged_columns,1,2,2\ndead_row,1,2,\n"
    assert len(read(tmp_path, text)) == 4
    error = refused(tmp_path, f"{text}bridged_rows,1,2,2\n")
    assert "two defects (bridged_rows, bridged_rows)" in str(error)
    assert "the other is in line 3" in str(error)


def saved(folder, count: int = 2):
    dies = draw_dies(Die(sigma_ln_rp=0.1), RATES, SHAPE, TILES, count, seed=1)
    save_dies(folder, dies)
    return dies


def spoil(folder, change) -> None:
    content = json.loads((folder / INDEX).read_text())
    changed = change(content)
    (folder / INDEX).write_text(json.dumps(content if changed is None else changed))


def test_two_defects_at_a_place_of_a_die_name_its_map(tmp_path):
    saved(tmp_path)
    (tmp_path / "die01.csv").write_text(f"{HEAD}\nshort,0,0,0\nshort,0,0,0\n")
    with pytest.raises(InputError, match=r"die01\.csv.*two defects"):
        load_dies(tmp_path, SHAPE, TILES)


def test_a_map_of_another_size_names_the_map(tmp_path):
    die = Die(defects=(Defect(kind="short", tile=2, row=4, column=3),))
    save_dies(tmp_path, [die])
    with pytest.raises(InputError, match=r"die00\.csv.*line 2, row.*3 tiles of 4 x 4"):
        load_dies(tmp_path, (4, 4), TILES)
    with pytest.raises(InputError, match=r"die00\.csv.*line 2, tile"):
        load_dies(tmp_path, SHAPE, 2)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda c: [], "cannot be read as dies"),
        (lambda c: 3, "cannot be read as dies"),
        (lambda c: c.update(format="mtjspice dies 9"), "its format is 'mtjspice dies 9'"),
        (lambda c: c.pop("dies") and None, "cannot be read as dies"),
        (lambda c: c.update(dies={"a": 1}), "cannot be read as dies"),
        (lambda c: c["dies"][1].pop("defects") and None, "cannot be read as dies"),
        (lambda c: c["dies"][1].update(defects=5), "cannot be read as dies"),
        (lambda c: c["dies"][1].update(defects="gone.csv"), r"gone\.csv.*cannot be read"),
        *(
            (lambda c, name=name: c["dies"][1].update(defects=name), "is no path inside|a link")
            for name in ("../die00.csv", "/etc/passwd", "a/../../x.csv", "link.csv", "", "..")
        ),
        (lambda c: c.update(dies="die00.csv"), "dies must be a list"),
        (lambda c: c.update(more=1), "it has 'more'"),
        (lambda c: c["dies"][1].update(sigma_ln_rp=-1), r"dies\.json.*sigma_ln_rp"),
        (lambda c: c["dies"][1].update(colour="red"), r"dies\.json.*colour.*unknown key"),
    ],
)
def test_a_spoilt_index_is_refused(tmp_path, change, match):
    saved(tmp_path)
    (tmp_path / "link.csv").symlink_to("die00.csv")
    spoil(tmp_path, change)
    with pytest.raises(InputError, match=match) as caught:
        load_dies(tmp_path, SHAPE, TILES)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe"])
def test_an_index_that_is_not_json_is_refused(tmp_path, text):
    saved(tmp_path)
    (tmp_path / INDEX).write_bytes(text)
    with pytest.raises(InputError, match=r"dies\.json"):
        load_dies(tmp_path, SHAPE, TILES)


def test_a_map_that_an_index_lists_is_that_die(tmp_path):
    dies = saved(tmp_path, 3)
    found, notes = dies_from(tmp_path / "die01.csv", Die(seed=9), SHAPE, TILES)
    assert found == (dies[1],)
    assert found[0].seed != 9
    assert "its spread and its seed are from there" in notes[0]


def test_a_map_by_itself_has_the_spread_of_the_weights_which_is_said(tmp_path):
    write_defects(tmp_path / "map.csv", ONE_OF_EACH)
    template = Die(sigma_ln_rp=0.03, seed=9)
    found, notes = dies_from(tmp_path / "map.csv", template, SHAPE, TILES)
    assert found == (template.replace(defects=ONE_OF_EACH),)
    assert "no dies.json beside it lists it" in notes[0]
    assert "seed = 9" in notes[0]


def test_a_map_beside_an_index_that_does_not_list_it_is_by_itself(tmp_path):
    saved(tmp_path)
    write_defects(tmp_path / "map.csv", ONE_OF_EACH)
    found, notes = dies_from(tmp_path / "map.csv", Die(seed=9), SHAPE, TILES)
    assert (found[0].seed, found[0].defects) == (9, ONE_OF_EACH)
    assert "no dies.json beside it lists it" in notes[0]


def test_a_map_beside_a_damaged_index_is_refused(tmp_path):
    saved(tmp_path)
    (tmp_path / INDEX).write_text("{")
    with pytest.raises(InputError, match=r"dies\.json.*is not JSON"):
        dies_from(tmp_path / "die01.csv", Die(), SHAPE, TILES)


def test_a_folder_gives_all_of_its_dies(tmp_path):
    dies = saved(tmp_path)
    assert dies_from(tmp_path, Die(), SHAPE, TILES) == (dies, ())


def test_a_folder_without_dies_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"dies\.json.*cannot be read"):
        load_dies(tmp_path / "absent", SHAPE, TILES)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is not a folder"):
        save_dies(tmp_path / "file" / "dies", [Die()])
