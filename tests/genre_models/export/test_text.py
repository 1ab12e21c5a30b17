"""Overviews in a TensorFlow graph: cut into words, and scored by TF-IDF, exactly as outside of it."""

from __future__ import annotations

import json
import random
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from datasets.text.pretrained_tokenizer import WordPiece
from datasets.text.vocabulary import Tokenizer, Vocabulary, words_of
from genre_models.export import preprocessing
from genre_models.export.inputs import is_bert
from genre_models.export.text import Texts
from genre_models.metrics.baselines import TfidfBaseline
from tests.datasets.text.test_pretrained_tokenizer import PIECES, tokenizer_of_pieces

pytestmark = pytest.mark.slow

HARD = (
    "", " \n\t", "The dogs' café's closed; 1942's murderers, murdering TIES!", "it''s x's's's dog's_", "abc12def ½ ²x",
    "ΑΣ ΑΣ. ΑΣ.Α ΣΣ Σ", "\u1369bc d\u1369",
    "e\u0301te\u0301 İstanbul Straße ﬁlm ＡＢＣ", "a\x00b\x1cc\u2028d\ue000e's\ue000",
    "love-story. O'Neil’s _under_score_", "word " * 300,
)  # fmt: skip


@pytest.fixture(scope="module")
def texts() -> Texts:
    return Texts()


@pytest.fixture(scope="module")
def overviews() -> list[str]:
    """Texts that are hard to cut, of characters drawn from all of Unicode and from those with rules of their own."""
    draw = random.Random(0)
    known = [chr(code) for code in range(sys.maxunicode) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
    special = "ΣΣΣσςαΑ'’s.:  _12½²፩፪áÁéİıßŒ\u0301\u00ad\u200d\ue000-\n\t\x00\x1c\u2028x"
    drawn = ["".join(draw.choice((known, special)[draw.random() < 0.7]) for _ in range(40)) for _ in range(400)]
    return [*HARD, *drawn]


@pytest.mark.parametrize("tokenizer", ["split", "words", "stems"])
def test_token_ids_are_those_of_training(texts: Texts, overviews: list[str], tokenizer: Tokenizer) -> None:
    # Every other word is known.
    known = sorted({word for overview in overviews for word in words_of(overview, tokenizer)})[::2]
    wanted, lengths = Vocabulary(known, tokenizer=tokenizer).encode(overviews, max_tokens=30)
    found = texts.token_ids([one.encode() for one in overviews], known, tokenizer, 30).numpy()
    assert found.shape == (len(overviews), lengths.max())
    np.testing.assert_array_equal(found, wanted[:, : found.shape[1]])


def test_empty_overviews_alone_are_one_unknown_token(texts: Texts) -> None:
    assert texts.token_ids([b"", b"?!"], ["word"], "words", 5).numpy().tolist() == [[1], [1]]
    assert texts.have_words([b"", b" \n\t\xc2\xa0", b"?", b"\n a"]).numpy().tolist() == [False, False, True, True]


def test_tfidf_scores_are_those_of_scikit_learn(texts: Texts, overviews: list[str]) -> None:
    labels = np.random.default_rng(0).integers(0, 2, (len(overviews), 3))
    labels[:, 1] = 0  # a genre without films: its frequency is the answer
    model = TfidfBaseline(overviews, labels)
    assert len(model.weights.terms) > 1000
    asked = [*overviews[::5], "of none of these words"]
    found = texts.tfidf([one.encode() for one in asked], model.weights).numpy()
    np.testing.assert_allclose(found, model.scores(asked), atol=1e-6)


def test_parts_of_tfidf_are_those_of_scikit_learn(texts: Texts, overviews: list[str]) -> None:
    analyse = TfidfVectorizer(strip_accents="unicode").build_analyzer()
    found = texts.parts([one.encode() for one in overviews]).to_list()
    assert [[part.decode() for part in parts] for parts in found] == [analyse(one) for one in overviews]


@pytest.mark.parametrize("tokenizer", ["split", "words", "stems", "subwords"])
def test_the_file_beside_an_artefact_makes_the_same_ids(overviews: list[str], tokenizer: Tokenizer) -> None:
    known = sorted({word for overview in overviews for word in words_of(overview, tokenizer)})[::2]
    known = [*known, *(letter for letter in "abcdefst" if letter not in known), "##a", "##s", "##te"]
    wanted, _ = Vocabulary(known, tokenizer=tokenizer).encode(overviews, max_tokens=12)
    ids = {token: number for number, token in enumerate(known, 2)}
    for overview, row in zip(overviews, wanted, strict=True):
        found = preprocessing.token_ids(overview, ids, tokenizer=tokenizer, max_tokens=12)
        # An artefact knows a film without overview by its zeros.
        assert found.tolist() == (row.tolist() if overview.strip() else [0] * 12)


def test_pieces_are_those_of_the_encoder_s_tokenizer(texts: Texts, overviews: list[str]) -> None:
    """Special tokens in a text, long words and characters of Unicode's corners among them."""
    pytest.importorskip("tokenizers")
    letters = "abcdefghijklmnopqrstuvwxyz"
    made = json.dumps(tokenizer_of_pieces([*PIECES[4:], *letters, *(f"##{letter}" for letter in letters), "murder"]))
    assert is_bert(made) and not is_bert("") and not is_bert(made.replace('"lstrip": false', '"lstrip": true'))
    special = ("the [SEP] ship [sep] [CLS]", "[UNK] [UNK]", "\u4e2d\u6587 ship", "a" * 101, "a" * 100, "sink " * 40)
    asked = [*special, *HARD, *overviews[::4]]
    # As films are read: in one line.
    lines = [" ".join(filter(None, map(str.strip, one.splitlines()))) for one in asked]
    wanted, lengths = WordPiece(made).encode(lines, max_tokens=24)
    found = texts.piece_ids([one.encode() for one in asked], made, 24).numpy()
    assert found.shape == (len(asked), lengths.max())
    np.testing.assert_array_equal(found, wanted[:, : found.shape[1]])


def test_the_file_beside_an_artefact_reads_the_tokenizer_of_an_encoder(tmp_path: Path) -> None:
    """Whatever it pads with: MPNet's with 1, and it only names the token."""
    pytest.importorskip("tokenizers")
    made = tokenizer_of_pieces(PIECES[4:])
    others = (json.dumps(made).replace('"pad_id": 0', '"pad_id": 4'), json.dumps({**made, "padding": None}))
    (file := tmp_path / "tokenizer.json").touch()
    for text in (json.dumps(made), *others, others[1].replace("ship", "<pad>")):
        file.write_text(text, encoding="utf-8")
        for overview in ("the ships sink!", "iceberg iceberg", "the [PAD] sink the ship the ship"):
            wanted, _ = WordPiece(text).encode([overview], max_tokens=6)
            found = preprocessing.encoder_token_ids(overview, file, max_tokens=6)
            assert found.tolist() == wanted[0].tolist()
        assert not preprocessing.encoder_token_ids(" ", file, max_tokens=6).any()
