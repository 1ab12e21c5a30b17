"""The tables of cures name options that there are, and say something about the presets; a file of one's own too."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from genre_models.models import search_space
from genre_models.models.registry import KINDS
from genre_models.models.search_space import SearchSpaceError
from genre_models.presets import lookup as presets
from genre_models.studies.ablation_components import CURES, Cure, read_cures, variants
from genre_models.training.recipe import Recipe

# What `best` changes beside its cures: for how long, and where long overviews end.
NO_CURES = {"epochs", "max_tokens"}


def coursework(kind: str) -> tuple[Recipe, object] | None:
    return presets.preset(kind, "coursework") if "coursework" in presets.names(kind) else None


@pytest.mark.parametrize("kind", KINDS)
def test_every_cure_changes_best_by_options_that_there_are(kind: str) -> None:
    cures, best = CURES[kind], presets.preset(kind, "best")
    assert len({cure.name for cure in cures}) == len(cures) > 10
    found, left_out = variants(cures, best, coursework(kind), preset="best")
    assert left_out == []
    by_cure = {one.cure: one for one in found if one.cure}
    for cure in cures:
        changed = search_space.split(by_cure[cure.name].settings, *best)
        assert changed != best
        assert cure.what and (cure.without or cure.adds)
    assert len({repr(sorted(one.settings.items())) for one in found}) == len(found)


@pytest.mark.parametrize("kind", ["cnn", "lstm"])
def test_the_cures_in_best_are_all_that_it_changes_in_the_coursework(kind: str) -> None:
    best, start = presets.preset(kind, "best"), coursework(kind)
    assert start is not None
    names = [option.name for part in best for option in fields(part)]
    ours, theirs = (search_space.values_of(names, *one) for one in (best, start))
    changed = {name for name in names if ours[name] != theirs[name]} - NO_CURES
    taken = {name for cure in CURES[kind] if cure.had_by(best) for name in cure.without}
    # Some that the coursework has and `best` leaves off are tried again beside the rest.
    tried = {name for cure in CURES[kind] for name in cure.adds}
    assert taken <= changed <= taken | tried
    without = [one for cure in CURES[kind] for one in cure.without.items()]
    assert without == [(name, theirs[name]) for name, _ in without]


def test_variants_of_the_coursework_and_of_the_preset() -> None:
    base = (Recipe(epochs=5, weight_decay=0.1), KINDS["lstm"].config_class(word_dropout=0.4, max_tokens=64))
    start = (Recipe(epochs=9), KINDS["lstm"].config_class())
    cures = (
        Cure("word dropout", "w", without={"word_dropout": 0.0}),
        Cure("focal loss", "f", adds={"loss": "focal"}),
        Cure("averaged weights", "a", without={"ema": 0.0}),
        Cure("impossible", "i", adds={"dense_dropout": 2.0}),
    )
    found, left_out = variants(cures, base, start, preset="best", on_coursework=True)
    assert {one.name: (one.group, one.against, dict(one.settings)) for one in found} == {
        "best": ("preset", "", {}),
        "coursework": (
            "preset", "best", {"epochs": 9, "weight_decay": 0.0, "word_dropout": 0.0, "max_tokens": 256},
        ),
        "best without word dropout": ("without", "best", {"word_dropout": 0.0}),
        "best with focal loss": ("with", "best", {"loss": "focal"}),
        # As settings of the preset: what is the preset's already is not among them.
        "coursework with word dropout": (
            "coursework with", "coursework", {"epochs": 9, "weight_decay": 0.0, "max_tokens": 256},
        ),
        "coursework with focal loss": (
            "coursework with", "coursework",
            {"epochs": 9, "weight_decay": 0.0, "word_dropout": 0.0, "max_tokens": 256, "loss": "focal"},
        ),
    }  # fmt: skip
    assert left_out[0] == "averaged weights: best has none of it to take away"
    assert "dense_dropout must be 0 to 1" in left_out[1]
    alone, _ = variants(cures, base, base, preset="best")
    assert [one.name for one in alone if one.group == "preset"] == ["best"]
    same = replace(base[0], loss="focal"), base[1]
    assert variants(cures[1:2], same, None, preset="mine")[1] == ["focal loss: mine has it already"]


def test_of_a_cure_with_both_sides_the_preset_decides() -> None:
    model = KINDS["lstm"].config_class()
    smoothed = Cure("smoothed", "s", without={"label_smoothing": 0.0}, adds={"label_smoothing": 0.05})

    def tried(preset: Recipe, start: Recipe) -> dict[str, dict[str, object]]:
        found, left_out = variants([smoothed], (preset, model), (start, model), preset="best", on_coursework=True)
        assert left_out == []
        return {one.name: dict(one.settings) for one in found if one.cure}

    start = Recipe(epochs=9)
    assert tried(Recipe(epochs=5, label_smoothing=0.02), start) == {
        "best without smoothed": {"label_smoothing": 0.0},
        "coursework with smoothed": {"epochs": 9},  # at the preset's own strength, .02
    }
    assert tried(Recipe(epochs=5), start) == {
        "best with smoothed": {"label_smoothing": 0.05},
        "coursework with smoothed": {"epochs": 9, "label_smoothing": 0.05},
    }


def test_a_file_of_cures_is_read_in_the_options_own_types() -> None:
    known = (Recipe(), KINDS["cnn"].config_class())
    text = """
        small: {what: fewer filters, without: {block_filters: [8, 16], learning_rate: 1e-3}}
        focal: {with: {loss: focal}}
        either: {without: {mixup: 0}, with: {mixup: 0.3}}
    """
    small, focal, either = read_cures(text, known=known, where="my.yaml")
    assert small == Cure("small", "fewer filters", without={"block_filters": (8, 16), "learning_rate": 0.001})
    assert focal == Cure("focal", "", adds={"loss": "focal"})
    assert either == Cure("either", "", without={"mixup": 0.0}, adds={"mixup": 0.3})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {without: {word_dropuot: 0}}", "did you mean word_dropout"),
        ("a: {without: {word_dropout: 3}}", "word_dropout must be 0 to 1"),
        ("a: {without: {word_dropout: 0}, wiht: {ema: 0.9}}", "must have options under `without`"),
        ("a: {what: nothing}", "must have options under `without`"),
        ("[1, 2]", "must map names of cures"),
        ("a: {without: [word_dropout]}", "does not map options to values"),
        ("a: {", "is not YAML"),
    ],
)
def test_what_is_wrong_with_a_file_of_cures_is_said(text: str, message: str) -> None:
    known = (Recipe(), KINDS["lstm"].config_class())
    with pytest.raises(SearchSpaceError, match=message):
        read_cures(text, known=known, where="my.yaml")
