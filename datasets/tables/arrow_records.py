"""The records of Parquet and Arrow files, read in batches."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pat

_ROWS = 2_048  # at a time


class ArrowTable:
    """An open Parquet, Arrow IPC or Arrow stream file (Hugging Face writes the last)."""

    def __init__(self, file: pa.NativeFile, *, is_parquet: bool) -> None:
        """Open a file; raises ArrowInvalid where it is damaged."""
        self._file = file
        self._parquet = pq.ParquetFile(file) if is_parquet else None
        self.schema: pa.Schema = self._parquet.schema_arrow if self._parquet is not None else _ipc_schema(file)
        self.odd = False
        """Whether texts were found that are not UTF-8, which are lone surrogates then."""
        self.class_names = _class_names(self.schema)

    @property
    def pictures(self) -> list[str]:
        """Return the columns that hold pictures: bytes, or a struct of bytes and path as Hugging Face's Image."""
        return [field.name for field in self.schema if _is_picture(field.type)]

    def batches(self, columns: Collection[str]) -> Iterator[Mapping[str, list[Any]]]:
        """Yield the values of some columns, a batch of films at a time."""
        names = [name for name in self.schema.names if name in columns]
        for batch in self._batches(names):
            for start in range(0, len(batch), _ROWS):
                part = batch.slice(start, _ROWS)
                yield {name: self._values(name, part.column(name)) for name in names}

    def _batches(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        if self._parquet is not None:
            yield from self._parquet.iter_batches(batch_size=_ROWS, columns=names)
            return
        for batch in _ipc_batches(self._file):
            # Arrow trusts what it maps: a damaged file would end the process.
            selected = batch.select(names)
            selected.validate(full=True)
            yield selected

    def _values(self, name: str, column: pa.Array) -> list[Any]:
        try:
            values = column.to_pylist()
        except UnicodeDecodeError:
            self.odd = True
            binary = column.view(pa.large_binary() if pat.is_large_string(column.type) else pa.binary())
            values = [
                value if value is None else value.decode(errors="surrogateescape") for value in binary.to_pylist()
            ]
        if labels := self.class_names.get(name):
            return [_named(value, labels) for value in values]
        return list(values)


def _named(value: Any, names: list[str]) -> Any:
    """Return the name of a class, or the names of a list of classes."""
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else value


def _is_picture(kind: pa.DataType) -> bool:
    if pat.is_struct(kind):
        return any(kind.field(i).name == "bytes" and _is_picture(kind.field(i).type) for i in range(kind.num_fields))
    return bool(pat.is_binary(kind) or pat.is_large_binary(kind))


def _ipc_schema(file: pa.NativeFile) -> pa.Schema:
    try:
        return pa.ipc.open_file(file).schema
    except pa.ArrowInvalid:
        file.seek(0)
        return pa.ipc.open_stream(file).schema


def _ipc_batches(file: pa.NativeFile) -> Iterator[pa.RecordBatch]:
    file.seek(0)
    try:
        reader = pa.ipc.open_file(file)
    except pa.ArrowInvalid:
        file.seek(0)
        yield from pa.ipc.open_stream(file)
        return
    for number in range(reader.num_record_batches):
        yield reader.get_batch(number)


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Return the names behind numbers, by column, from Hugging Face's metadata."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    found = {}
    for name, feature in features.items():
        while isinstance(feature, (dict, list)) and "names" not in feature:
            feature = feature[0] if isinstance(feature, list) else feature.get("feature")
        if isinstance(feature, dict):
            names = feature["names"]
            found[name] = (
                list(names) if isinstance(names, list) else [str(names[key]) for key in sorted(names, key=int)]
            )
    return found
