"""A table of films says the same in every format, and a fault in it costs its own row."""

from __future__ import annotations

import gzip
import json
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest

from datasets.raw.columns import Choices
from datasets.raw.films_folder import FilmList, ReadOptions, read_films
from datasets.raw.rejects import ROW_MALFORMED, FilmsError
from tests.datasets.raw.layouts import csv_text

NAMES = ("Drama", "Sci-Fi", "Comédie", "War & Peace", "Film Noir")
WORDS = (
    "the",
    "diver",
    "naïve",
    "said:",
    '"quoted"',
    "rain,",
    "and;",
    "one|two",
    "三",
    "—",
    "200 €",
    "it's",
    "[sic]",
    "{x}",
)
Row = tuple[str, str, list[str]]


def films(seed: int, count: int = 40) -> list[Row]:
    """Films with texts that try the formats, each with an id, an overview and genres."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        words = [draw.choice(WORDS) for _ in range(draw.randint(3, 30))]
        text = " ".join(words) + draw.choice(["", ".", "\nA second line.", "\r\n\r\nAnother."])
        rows.append((f"tt{number:05d}", text, draw.sample(NAMES, draw.randint(1, 3))))
    return rows


def header_and_rows(rows: list[Row], join: Callable[[list[str]], str]) -> list[list[object]]:
    return [["id", "overview", "genres"], *([film, text, join(names)] for film, text, names in rows)]


def objects(rows: list[Row]) -> list[dict[str, object]]:
    return [{"id": film, "overview": text, "genres": names} for film, text, names in rows]


def delimited(delimiter: str, encoding: str, join: Callable[[list[str]], str], start: str = "") -> Callable:
    def write(folder: Path, rows: list[Row]) -> None:
        text = start + csv_text(header_and_rows(rows, join), delimiter)
        (folder / "films.csv").write_bytes(text.encode(encoding))

    return write


def columns(yes: str, no: str, delimiter: str = ",") -> Callable:
    def write(folder: Path, rows: list[Row]) -> None:
        table = [["ID", *NAMES, "Overview"]]
        table += [[film, *(yes if n in names else no for n in NAMES), text] for film, text, names in rows]
        (folder / "films.tsv").write_text(csv_text(table, delimiter), "utf-8")

    return write


def column_of_each_place(first: str) -> Callable:
    """A film's first genre in one column, its second in the next, and so on."""

    def write(folder: Path, rows: list[Row]) -> None:
        table: list[list[str]] = [["id", "plot", first, *(f"genre_{n + 1}" for n in range(1, len(NAMES)))]]
        table += [[film, text, *names, *[""] * (len(NAMES) - len(names))] for film, text, names in rows]
        (folder / "films.csv").write_text(csv_text(table), "utf-8")

    return write


def one_row_a_genre(folder: Path, rows: list[Row]) -> None:
    table = [["movieId", "genre", "plot"], *([film, name, text] for film, text, names in rows for name in names)]
    head, *rest = table
    random.Random(0).shuffle(rest)
    rest.sort(key=lambda row: row[0] > "tt00020")  # rows of one film need not stand together
    (folder / "films.csv").write_text(csv_text([head, *rest]), "utf-8")


def json_array(indent: int | None, encoding: str = "utf-8") -> Callable:
    def write(folder: Path, rows: list[Row]) -> None:
        (folder / "films.json").write_bytes(
            json.dumps(objects(rows), indent=indent, ensure_ascii=False).encode(encoding)
        )

    return write


def json_lines(folder: Path, rows: list[Row]) -> None:
    (folder / "films.jsonl").write_text("".join(json.dumps(film) + "\n" for film in objects(rows)), "utf-8")


def json_columns(folder: Path, rows: list[Row]) -> None:
    """As pandas writes a table by default."""
    films_ = objects(rows)
    table = {name: {str(n): film[name] for n, film in enumerate(films_)} for name in films_[0]}
    (folder / "films.json").write_text(json.dumps(table))


def json_by_id(folder: Path, rows: list[Row]) -> None:
    (folder / "films.json").write_text(json.dumps({film: {"plot": text, "genres": g} for film, text, g in rows}))


def json_within(folder: Path, rows: list[Row]) -> None:
    (folder / "films.json").write_text(json.dumps({"page": 1, "results": objects(rows)}))


def json_files(folder: Path, rows: list[Row]) -> None:
    for film, text, names in rows:
        (folder / f"{film}.json").write_text(json.dumps({"plot": text, "genre": [{"id": 1, "name": n} for n in names]}))


def parquet_shards(folder: Path, rows: list[Row]) -> None:
    (folder / "data").mkdir()
    for part in range(3):
        table = pa.Table.from_pylist(objects(rows[part::3]))
        pq.write_table(table, folder / "data" / f"train-{part:05d}-of-00003.parquet")


def hugging_face(folder: Path, rows: list[Row]) -> None:
    """A saved data set dictionary: Arrow streams, genres as numbers of classes, with the files around them."""
    info = {"features": {"genres": {"feature": {"names": list(NAMES), "_type": "ClassLabel"}, "_type": "Sequence"}}}
    for split, part in (("train", rows[:30]), ("test", rows[30:])):
        (folder / split).mkdir()
        table = pa.table(
            {
                "id": [film for film, _, _ in part],
                "overview": [text for _, text, _ in part],
                "genres": [[NAMES.index(name) for name in names] for _, _, names in part],
            }
        ).replace_schema_metadata({"huggingface": json.dumps({"info": info})})
        with ipc.new_stream(str(folder / split / "data-00000-of-00001.arrow"), table.schema) as writer:
            writer.write_table(table)
        (folder / split / "dataset_info.json").write_text(json.dumps(info))
        (folder / split / "state.json").write_text('{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}')
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')


def zipped(folder: Path, rows: list[Row]) -> None:
    with zipfile.ZipFile(folder / "films.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside/films.csv", csv_text(header_and_rows(rows, "|".join)))


def packed(folder: Path, rows: list[Row]) -> None:
    (folder / "films.csv.gz").write_bytes(gzip.compress(csv_text(header_and_rows(rows, str)).encode()))


WRITERS: dict[str, Callable[[Path, list[Row]], None]] = {
    "csv, python lists": delimited(",", "utf-8", str),
    "csv, json, byte order mark": delimited(",", "utf-8-sig", json.dumps),
    "csv, json objects": delimited(",", "utf-8", lambda names: json.dumps([{"id": 1, "name": n} for n in names])),
    "semicolons, utf-16": delimited(";", "utf-16", ", ".join),
    "sep= line": delimited(";", "utf-8", "|".join, "sep=;\n"),
    "tabs, utf-16 without mark": delimited("\t", "utf-16-le", "|".join),
    "columns of 0 and 1": columns("1", "0"),
    "columns of True and False": columns("True", "False", ";"),
    "columns of yes and blank": columns("yes", ""),
    "columns of 1.0 and NaN": columns("1.0", "NaN", "\t"),
    "a row for each genre": one_row_a_genre,
    "genre_1, genre_2": column_of_each_place("genre_1"),
    "Genre, genre_2": column_of_each_place("Genre"),
    "json array on a line": json_array(None),
    "json array, indented": json_array(2),
    "json array, utf-16": json_array(1, "utf-16"),
    "json lines": json_lines,
    "json columns": json_columns,
    "json by id": json_by_id,
    "json within an object": json_within,
    "json files": json_files,
    "parquet shards": parquet_shards,
    "hugging face": hugging_face,
    "zip": zipped,
    "gzip": packed,
}


def content(read: FilmList) -> dict[str, tuple[str, frozenset[str]]]:
    """Overview and genres by id."""
    return {
        film["id"]: (
            film["overview"],
            frozenset(name for name, label in zip(read.genres, film["labels"], strict=True) if label),
        )
        for film in read.table.to_pylist()
    }


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_films_in_every_format(name: str, tmp_path: Path) -> None:
    for seed in range(3):
        rows = films(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        WRITERS[name](folder, rows)
        read = read_films(str(folder))
        expected = {
            film: (" ".join(line.strip() for line in text.splitlines() if line.strip()), frozenset(names))
            for film, text, names in rows
        }
        assert content(read) == expected
        assert read.rejects == [] and set(read.genres) == set(NAMES)


def test_a_table_by_its_path_and_by_uri(tmp_path: Path) -> None:
    WRITERS["parquet shards"](tmp_path, films(0))
    one = tmp_path / "data" / "train-00000-of-00003.parquet"
    assert len(read_films(str(one)).table) == 14
    assert read_films(one.as_uri()).table.equals(read_films(str(one)).table)


# -- faults -----------------------------------------------------------------------------------------------------------


def read_text(folder: Path, name: str, text: str | bytes) -> FilmList:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return read_films(str(folder))


def test_an_index_column_and_a_trailing_comma_are_ignored(tmp_path: Path) -> None:
    read = read_text(tmp_path, "films.csv", ",id,overview,genres,\n0,a,The one.,Drama,\n1,b,The two.,War,\n")
    assert read.table["id"].to_pylist() == ["a", "b"]
    read = read_text(tmp_path, "films.csv", "id,overview,genres\na,The one.,Drama,\nb,The two.,War,\n")
    assert read.table["id"].to_pylist() == ["a", "b"] and read.rejects == []


def test_a_numbering_without_a_header(tmp_path: Path) -> None:
    """As R writes row names."""
    read = read_text(
        tmp_path, "films.csv", '"id","overview","genres"\n"1","a","The one.","Drama"\n"2","b","Two.","War"\n'
    )
    assert read.table["id"].to_pylist() == ["a", "b"]


def test_old_mac_line_ends(tmp_path: Path) -> None:
    assert len(read_text(tmp_path, "films.csv", "id,overview,genres\ra,The one.,Drama\rb,The two.,War\r").table) == 2


def test_windows_1252_that_shows_late(tmp_path: Path) -> None:
    plain = "".join(f"f{n},A film of the sea.,Drama\n" for n in range(40_000))
    text = f"id,overview,genres\n{plain}last,“Crème brûlée”,Drama\n".encode("cp1252")
    read = read_text(tmp_path, "films.csv", text)
    assert read.table["overview"][-1].as_py() == "“Crème brûlée”"
    assert "Windows-1252" in read.understood[0]


def test_quotes_that_are_plain_characters_in_tabs(tmp_path: Path) -> None:
    text = 'id\toverview\tgenres\na\t"Weird" is the name.\tDrama\nb\tThe two.\tWar\n'
    assert read_text(tmp_path, "films.tsv", text).table["overview"].to_pylist() == ['"Weird" is the name.', "The two."]


def test_a_broken_line_of_json_costs_its_film(tmp_path: Path) -> None:
    lines = [json.dumps(film) for film in objects(films(1))]
    lines[7] = lines[7][:-9]
    lines[9] = '["no object"]'
    read = read_text(tmp_path, "films.jsonl", "\n".join(lines))
    assert len(read.table) == 38
    assert [(reject.row, reject.reason) for reject in read.rejects] == [(8, ROW_MALFORMED), (10, ROW_MALFORMED)]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_broken_object_of_a_json_array_costs_its_film(tmp_path: Path, indent: int | None) -> None:
    text = json.dumps([*objects(films(1)), {"id": "last", "overview": "The end.", "genres": ["Drama"]}], indent=indent)
    broken = text.replace('"tt00007"', "tt00007", 1)
    read = read_text(tmp_path, "films.json", broken)
    assert [(reject.row, reject.reason) for reject in read.rejects] == [(8, ROW_MALFORMED)]
    assert "not JSON, on line" in read.rejects[0].detail
    assert len(read.table) == 40 and read.table["id"][-1].as_py() == "last"


def test_a_damaged_arrow_file_does_not_end_the_process(tmp_path: Path) -> None:
    """Offsets that point beyond the texts would be read as they are."""
    WRITERS["hugging face"](tmp_path, films(1))
    path = tmp_path / "train" / "data-00000-of-00001.arrow"
    data = path.read_bytes()
    offsets = struct.pack("<3i", 0, 7, 14)  # of the ids, which have seven letters each
    assert data.count(offsets) == 1
    path.write_bytes(data.replace(offsets, struct.pack("<3i", 0, 7, 2**30)))
    with pytest.raises(FilmsError, match=r"train/data-00000-of-00001\.arrow is damaged"):
        read_films(str(tmp_path))


def test_a_large_json_array_is_read_as_a_stream(tmp_path: Path) -> None:
    rows = [{"id": f"f{n}", "overview": "The sea " * 40, "genres": ["Drama"]} for n in range(9_000)]
    assert len(read_text(tmp_path, "films.json", json.dumps(rows)).table) == 9_000


def test_a_damaged_file_of_many_costs_its_film(tmp_path: Path) -> None:
    json_files(tmp_path, films(1))
    (tmp_path / "tt00000.json").write_text("{")
    read = read_films(str(tmp_path))
    assert len(read.table) == 39 and [reject.id for reject in read.rejects] == ["tt00000"]


@pytest.mark.parametrize("name", ["films.parquet", "films.arrow", "films.csv.gz", "films.zip", "films.json"])
def test_damaged_files_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(FilmsError, match=name.replace(".", r"\.")):
        read_text(tmp_path, name, b"PK\3\4 no such thing \x1f\x8b" * 50)


def test_text_that_is_no_unicode_costs_its_film(tmp_path: Path) -> None:
    text = (
        '{"id": "a", "overview": "A \\ud800 half", "genre": "War"}\n{"id": "b", "overview": "The b", "genre": "War"}\n'
    )
    read = read_text(tmp_path, "films.jsonl", text)
    assert read.table["id"].to_pylist() == ["b"] and read.rejects[0].row == 1


def test_tables_whose_columns_stand_in_another_order(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,War,Drama,overview\n1,1,0,The one.\n2,0,1,The two.\n")
    (tmp_path / "b.csv").write_text("overview,Title,Drama,War,id\nThe three.,x,1,0,3\nThe four.,y,1,1,4\n")
    read = content(read_films(str(tmp_path)))
    assert [sorted(read[film][1]) for film in "1234"] == [["War"], ["Drama"], ["Drama"], ["Drama", "War"]]
    assert read["4"][0] == "The four."


def test_films_without_an_id_are_numbered_if_asked_for(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("Title,Poster,Plot,Genre\nA,b.jpg,The one.,War\nB,a.jpg,The two.,Drama\n")
    for name in ("a", "b"):
        (tmp_path / f"{name}.jpg").touch()
    with pytest.raises(FilmsError, match=r"no column is the id.*--id-column row numbers the films"):
        read_films(str(tmp_path))
    films_ = read_films(str(tmp_path), ReadOptions(Choices(id="row")))
    assert films_.table["id"].to_pylist() == ["1", "2"]
    assert films_.table["poster"].to_pylist() == [f"{tmp_path}/b.jpg", f"{tmp_path}/a.jpg"]
    assert films_.understood[1].startswith("Columns: id the row's number, overview 'Plot'")


def test_rejects_of_several_tables_name_their_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text(f"id,overview,genre\n{name}1,The one.,Drama\n{name}2,too,many,fields\n")
    read = read_films(str(tmp_path))
    assert [reject.detail.split(":")[0] for reject in read.rejects] == ["one.csv, line 3", "two.csv, line 3"]
    assert len({*read.table["row"].to_pylist(), *(reject.row for reject in read.rejects)}) == 4


def test_tables_that_count_their_films_alike_are_to_be_numbered(tmp_path: Path) -> None:
    """As Netflix', Amazon's and Disney's titles do, each from s1 on."""
    from datasets.store.prepare import _check_rejects as check_rejects  # imports Ray

    for name in ("netflix", "disney"):
        rows = [[f"s{n}", f"A text of {name}, {n}.", "Drama"] for n in range(4)]
        (tmp_path / f"{name}.csv").write_text(csv_text([["show_id", "description", "listed_in"], *rows]))
    read = read_films(str(tmp_path))
    with pytest.raises(FilmsError, match="Repair the films, number them with --id-column row, or allow more"):
        check_rejects(read, read.rejects, 0.05, str(tmp_path))
    assert len(read_films(str(tmp_path), ReadOptions(Choices(id="row"))).table) == 8
