"""Word pieces by hand, from a tokenizer made here; skipped where the extra `pretrained` is not installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.text.pretrained_tokenizer import WordPiece

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "ship", "##s", "the", "sink", "cafe", "!"]


def tokenizer_of_pieces(known: list[str]) -> dict[str, Any]:
    """A tokenizer of few pieces, laid out as MiniLM's: it pads to a fixed length and cuts at another."""
    pieces = [*PIECES[:4], *known]
    return {
        "version": "1.0",
        "truncation": {"max_length": 6, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {
            "strategy": {"Fixed": 6},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "[PAD]",
        },
        "added_tokens": [
            {
                "id": i,
                "content": pieces[i],
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
            for i in range(4)
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
            ],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {
                name: {"id": name, "ids": [pieces.index(name)], "tokens": [name]} for name in ("[CLS]", "[SEP]")
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: i for i, piece in enumerate(pieces)},
        },
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a tokenizer of ten pieces."""
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer_of_pieces(PIECES[4:])), encoding="utf-8")
    return tmp_path


def test_encode_by_hand(folder: Path) -> None:
    pytest.importorskip("tokenizers")
    pieces = WordPiece(folder)
    assert len(pieces) == len(PIECES)
    ids, lengths = pieces.encode(["The SHIPS sink!", "Café", "", "iceberg iceberg", "iceberg ship"], max_tokens=8)
    assert ids.tolist() == [
        [2, 6, 4, 5, 7, 9, 3, 0],
        [2, 8, 3, 0, 0, 0, 0, 0],
        [2, 3, 0, 0, 0, 0, 0, 0],
        [2, 3, 0, 0, 0, 0, 0, 0],
        [2, 1, 4, 3, 0, 0, 0, 0],
    ]
    assert lengths.tolist() == [7, 3, 2, 2, 4]
    again, _ = WordPiece((folder / "tokenizer.json").read_text(encoding="utf-8")).encode(["ships"], max_tokens=4)
    assert again.tolist() == [[2, 4, 5, 3]]
    assert ids.dtype == lengths.dtype == np.int32


def test_padding_of_another_id_is_exchanged_with_0() -> None:
    """Whether the file says so or only names the token: as in MPNet, where 1 pads, and 0 is the first token."""
    pytest.importorskip("tokenizers")
    made = tokenizer_of_pieces(PIECES[4:])
    named = json.dumps({**made, "padding": None}).replace("ship", "<pad>")
    for text in (json.dumps(made).replace('"pad_id": 0', '"pad_id": 4'), named):
        ids, lengths = WordPiece(text).encode(["the [PAD] sink"], max_tokens=7)
        assert ids.tolist() == [[2, 6, 4, 7, 3, 0, 0]]
        assert lengths.tolist() == [5]


def test_a_long_overview_keeps_its_last_token(folder: Path) -> None:
    """Whatever was asked for before, and beyond the length the file itself cuts at."""
    pytest.importorskip("tokenizers")
    pieces = WordPiece(folder)
    for max_tokens, wanted in ((4, [2, 6, 4, 3]), (3, [2, 6, 3]), (9, [2, 6, 4, 5, 7, 6, 4, 3, 0])):
        ids, lengths = pieces.encode(["the ships sink the ship"], max_tokens=max_tokens)
        assert ids.tolist() == [wanted]
        assert lengths.tolist() == [min(max_tokens, 8)]
    with pytest.raises(ValueError, match="at least 3"):
        pieces.encode(["the ship"], max_tokens=2)


def test_no_overviews(folder: Path) -> None:
    pytest.importorskip("tokenizers")
    ids, lengths = WordPiece(folder).encode([], max_tokens=4)
    assert (ids.shape, lengths.shape) == ((0, 4), (0,))


def test_a_folder_that_does_not_serve_is_named(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.importorskip("tokenizers")
    with pytest.raises(FileNotFoundError, match=r"no tokenizer\.json"):
        WordPiece(tmp_path_factory.mktemp("empty"))
    made = tokenizer_of_pieces(PIECES[4:])
    made["padding"] = None
    (folder / "tokenizer.json").write_text(json.dumps(made).replace("[PAD]", "[NONE]"), encoding="utf-8")
    with pytest.raises(ValueError, match="has no token for padding"):
        WordPiece(folder)
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="is no tokenizer"):
        WordPiece(folder)


def test_without_the_extra_one_is_told_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)  # as if it were not installed
    with pytest.raises(ImportError, match=r"pip install -e '\.\[pretrained\]'"):
        WordPiece(folder)


def test_share_of_unknown_pieces_by_hand(folder: Path) -> None:
    """Of "the", "ship", "##s" and "iceberg" one of four, however long the text."""
    pytest.importorskip("tokenizers")
    pieces = WordPiece(folder)
    pieces.encode(["the ship"], max_tokens=3)
    assert pieces.unknown_share(["the ships", "iceberg"]) == 0.25
    assert pieces.unknown_share([""]) == 0
