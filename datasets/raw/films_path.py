"""The tables and posters below the path of a films folder, archives looked into."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow.fs as pafs

from datasets.raw.columns import USUAL_NAMES, Choices, Columns, find_columns
from datasets.raw.joins import Links, UsedTable, find_links, join, lacks_id_alone
from datasets.raw.pictures import PictureTable
from datasets.raw.poster_index import FOLDERS, PosterIndex, is_poster
from datasets.raw.rejects import FilmsError
from datasets.storage import files
from datasets.tables.headerless import is_known
from datasets.tables.sources import Source, SourceError, is_archive, members, walk
from datasets.tables.tables import FilmFiles, Table, format_of

CSV_NAME = "IMDB_overview_genres.csv"
"""The coursework's table; in a folder that holds it, other tables are ignored."""
POSTERS_NAME = "Images"
PROBED_ROWS = 1000
"""Rows by which columns are assigned."""
_NO_TABLES = frozenset({"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "readme.txt"})
_READ_ME = re.compile(r"read\W?me|licen[cs]e|(^|/)(about|notice|changelog|requirements)")
_A_TABLE = "CSV, JSON, JSON Lines, Parquet or Arrow file that has a row for each film"
_SHEETS = (".xlsx", ".xls", ".ods", ".numbers")
_LONGEST_LIST = 5


def find_folder(path: str) -> tuple[pafs.FileSystem, str]:
    """Return the filesystem of `path` and the folder there, without a trailing slash; of a file the folder it is in.

    "~" is expanded. Raises FilmsError where there is nothing, or Arrow cannot reach it.
    """
    filesystem, root, is_file = _resolved(path)
    return filesystem, root.rpartition("/")[0] if is_file else root


def _resolved(path: str) -> tuple[pafs.FileSystem, str, bool]:
    try:
        filesystem, root = files.resolve(path)
        kind = filesystem.get_file_info(root).type
    except (OSError, ValueError, RuntimeError) as error:
        raise FilmsError(f"The films folder {path} cannot be reached: {error.__cause__ or error}") from error
    if kind == pafs.FileType.NotFound:
        raise FilmsError(
            f"The films folder {path} does not exist: give a folder, a table (CSV, JSON, Parquet) or a ZIP of films."
        )
    return filesystem, root.rstrip("/"), kind == pafs.FileType.File


@dataclass
class FilmsPath:
    """The tables and posters below a path."""

    filesystem: pafs.FileSystem
    root: str
    tables: list[UsedTable] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Tables that are ignored, in words."""
    problems: list[str] = field(default_factory=list)
    joined: bool = False
    """Whether the first tables have the films' overviews and the others their genres."""
    joined_by: str = ""
    """By what ids, in words."""
    links: Links | None = None
    """Ids of the films elsewhere, from a further table."""

    @property
    def genre_table(self) -> UsedTable:
        """Return the first table with genres."""
        return next((one for one in self.tables if one.columns.has_genres), self.tables[0])


def open_path(path: str, posters: PosterIndex, chosen: Choices, *, aside: str, spill: str | None = None) -> FilmsPath:
    """Find the tables of films and fill the index of posters.

    Args:
        path: a folder, a table or an archive, local or by URI.
        posters: the index to fill.
        chosen: columns that the user named.
        aside: local folder for temporary copies.
        spill: folder that every process can read, for what compressed tars hold; by default `aside`.

    Raises:
        FilmsError: there is nothing at `path`.
    """
    filesystem, inner, is_file = _resolved(path)
    root = inner.rpartition("/")[0] if is_file else inner
    found = FilmsPath(filesystem, root)
    sources = _sources_of_file(filesystem, inner) if is_file else walk(filesystem, inner)
    candidates: list[Source] = []
    texts: list[str] = []
    unnamed: list[str] = []
    inner_archives: list[str] = []
    for source in _opened(filesystem, sources, spill or aside, found.problems):
        if not _is_text(source.locator):
            unnamed.append(source.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        elif is_poster(source.name):
            posters.add(source)
        elif _may_be_table(source, is_given=is_file and source.locator == inner):
            candidates.append(source)
        elif is_archive(source.name):
            inner_archives.append(source.name)
        elif source.name.lower().endswith((".txt", ".dat")) and not _READ_ME.search(source.name.lower()):
            texts.append(source.name)
    posters.finish()
    if inner_archives:
        found.notes.append(f"{_some(inner_archives)} (in another archive: unpack that)")
    if unnamed:
        found.notes.append(f"{_some(unnamed)} (named in another encoding than UTF-8: rename them)")
    coursework = [source for source in candidates if source.name == CSV_NAME]
    if others := [source.name for source in candidates if coursework and source.name != CSV_NAME]:
        found.notes.append(f"{_some(others)} (not {CSV_NAME})")
    if not candidates and len(posters) and not chosen.labelled and not found.problems:
        pictures = PictureTable(posters, inner.rpartition("/")[2])
        found.tables = [UsedTable(pictures, pictures.columns, [])]
        return found
    if not candidates and not found.problems:
        found.problems.append(_no_table(filesystem, inner, inner_archives, texts, labelled=chosen.labelled))
    _choose(found, _tables(filesystem, coursework or candidates, aside, found), chosen)
    return found


def _sources_of_file(filesystem: pafs.FileSystem, path: str) -> Iterator[Source]:
    """Yield a single file, and the posters next to it, unless it is an archive."""
    root, _, name = path.rpartition("/")
    yield Source(name, path)
    if is_archive(name):
        return
    for source in walk(filesystem, root, deep=False):
        stem = source.name.partition(".")[0].casefold()
        if is_poster(source.name) or (is_archive(source.name) and stem in FOLDERS):
            yield source
    for info in filesystem.get_file_info(pafs.FileSelector(root)):
        if info.type == pafs.FileType.Directory and info.base_name.casefold() in FOLDERS:
            for source in walk(filesystem, info.path):
                yield Source(f"{info.base_name}/{source.name}", source.locator, source.size)


def _opened(
    filesystem: pafs.FileSystem, sources: Iterator[Source], spill: str, problems: list[str]
) -> Iterator[Source]:
    """Yield files, and the members of archives in their place."""
    for source in sources:
        if not is_archive(source.name):
            yield source
            continue
        try:
            yield from members(filesystem, source, spill)
        except (SourceError, OSError) as error:
            problems.append(f"{error}.")


def _may_be_table(source: Source, *, is_given: bool) -> bool:
    name = source.name.rpartition("/")[2].lower()
    if is_given:
        return True
    if name in _NO_TABLES or name.startswith(("_", "cache-")):
        return False
    return is_known(name) or (format_of(name) != "" and not name.endswith((".txt", ".dat")))


def _tables(filesystem: pafs.FileSystem, sources: list[Source], aside: str | None, found: FilmsPath) -> Iterator[Table]:
    """Yield the tables, JSON files of one film each as one."""
    by_folder: dict[str, list[Source]] = {}
    for source in sorted(sources, key=lambda source: source.name):
        if source.name.lower().endswith(".json"):
            by_folder.setdefault(source.name.rpartition("/")[0], []).append(source)
            continue
        yield from _table(filesystem, source, aside, found)
    for group in by_folder.values():
        scratch = FilmsPath(filesystem, found.root)  # a damaged file among many costs its film alone
        first = next((table for source in group[:9] for table in _table(filesystem, source, aside, scratch)), None)
        if len(group) > 1 and first is not None and first.is_one_film:
            yield FilmFiles(filesystem, group)
        else:
            for source in group:
                yield from _table(filesystem, source, aside, found)


def _table(filesystem: pafs.FileSystem, source: Source, aside: str | None, found: FilmsPath) -> Iterator[Table]:
    try:
        yield Table(filesystem, source, usual=USUAL_NAMES, aside=aside)
    except SourceError as error:
        if f"{error}." not in found.problems:
            found.problems.append(f"{error}.")


def _choose(found: FilmsPath, tables: Iterator[Table], chosen: Choices) -> None:
    """Keep the tables of films; note the others, or the problems if there is none."""
    usable: dict[tuple[str, ...], list[UsedTable]] = {}
    unusable: list[UsedTable] = []
    for table in tables:
        try:
            one = _assigned(table, chosen)
        except SourceError as error:  # never left out in silence
            found.problems.append(f"{error}.")
            continue
        if one.columns.problems:
            unusable.append(one)
        else:
            usable.setdefault((*sorted(one.columns.used),), []).append(one)
    groups = list(usable.values())
    refused: dict[str, str] = {}
    if chosen.labelled and len(groups) == 1 and groups[0][0].columns.overview is None:
        groups, refused = _joined(found, groups[0], unusable)
        used = {id(one.table) for one in groups[0]}
        unusable = [one for one in unusable if id(one.table) not in used]
    if len(groups) > 1:  # a table of overviews says more than one without, and a list of genres more than numbers
        groups = [group for group in groups if group[0].columns.overview is not None] or groups
        groups = [group for group in groups if group[0].columns.genre is not None] or groups
    if len(groups) > 1 and not chosen.labelled:
        groups = [group for group in groups if group[0].columns.labels] or groups
        groups = [group for group in groups if group[0].columns.poster is not None] or groups
    if len(groups) > 1:
        names = " or ".join(group[0].table.name for group in groups[:4])
        found.problems.append(f"which table holds the films, {names}? Their columns differ: give the path of one.")
    elif groups:
        found.tables = groups[0]
        kept = {id(one) for one in groups[0]}
        left = [one for one in (*unusable, *itertools.chain(*usable.values())) if id(one) not in kept]
        if not chosen.labelled:
            found.links = find_links(groups[0][0], left)
        refused |= {one.table.name: one.columns.problems[0].rstrip(".") for one in left if lacks_id_alone(one)}
        found.notes += [f"{name} ({reason})" for name, reason in refused.items()]
        linked = found.links.name if found.links is not None else ""
        if others := [one.table.name for one in left if one.table.name not in (*refused, linked)]:
            found.notes.append(_some(others))
        return
    nearest = min(map(_distance, unusable), default=(0, 0))
    for one in [one for one in unusable if _distance(one) == nearest][:3] if not groups else []:
        found.problems += [f"{one.table.name}: {problem}" for problem in one.columns.problems]


def _joined(
    found: FilmsPath, genres: list[UsedTable], others: Sequence[UsedTable]
) -> tuple[list[list[UsedTable]], dict[str, str]]:
    """Return a table of genres with the overviews of others before it; and which are refused, by name."""
    found.links = find_links(genres[0], others)
    joined = join(genres[0], others, found.links)
    found.joined, found.joined_by = bool(joined.texts), joined.way
    return [[*joined.texts, *genres]], joined.refused


def _distance(table: UsedTable) -> tuple[int, int]:
    """Return low numbers for the table that is most likely meant: many columns assigned, few problems."""
    columns = table.columns
    assigned = [columns.id, columns.overview, columns.genre, columns.poster, *columns.labels[:1]]
    return -sum(column is not None for column in assigned), len(columns.problems)


def _assigned(table: Table, chosen: Choices) -> UsedTable:
    """Return a table with its columns assigned by its first sound records."""
    if table.problem:
        columns = Columns(table.names, None, None, None, [], None, [], [], [f"{table.problem}."])
        return UsedTable(table, columns, [])
    records = list(itertools.islice(table.records(), PROBED_ROWS))
    rows = [record.fields for record in records if not record.problem and len(record.fields) == len(table.names)]
    columns = find_columns(table.names, rows, chosen)
    if not rows:
        problem = "it has a header and no films: add a row for each film."
        if records:
            problem = f"none of its first {len(records)} records can be read; {records[0].row}: {records[0].problem}."
        columns.problems[:] = [problem]
    return UsedTable(table, columns, rows)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # bytes of a file's name that are not UTF-8
        return False
    return True


def _some(names: Sequence[str]) -> str:
    more = len(names) - _LONGEST_LIST
    return ", ".join(names[:_LONGEST_LIST]) + (f" and {more:,} more" if more > 0 else "")


def _no_table(
    filesystem: pafs.FileSystem, inner: str, archives: Sequence[str], texts: Sequence[str], *, labelled: bool
) -> str:
    pictures = "" if labelled else " and no picture"
    if archives:
        return f"there is no table{pictures}, but {_some(archives)}, an archive in an archive: unpack the outer one."
    if filesystem.get_file_info(inner).type == pafs.FileType.File:
        return f"there is no table in it{pictures}: give a {_A_TABLE}."
    there = [
        info.base_name + ("/" if info.type == pafs.FileType.Directory else "")
        for info in filesystem.get_file_info(pafs.FileSelector(inner))
    ]
    shown = _some(sorted(there)) or "nothing"
    given = f" If {texts[0]} is the table, give its path." if len(texts) == 1 else ""
    sheets = given + "".join(f" Save {name} as CSV." for name in there if name.lower().endswith(_SHEETS))
    return f"there is no table{pictures}; the folder holds {shown}.{sheets} Give the folder with a {_A_TABLE}."
