"""The tables of components name options that there are, and fit the presets; so does a file of one's own."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from genre_models.models import search_space
from genre_models.models.registry import REGISTRY
from genre_models.models.search_space import SearchSpaceError
from genre_models.presets import lookup as presets
from genre_models.studies.ablation_components import ABLATION_COMPONENTS, Component, read_components, variants
from genre_models.training.recipe import Recipe

# What `best` changes beside its components: for how long, and where long overviews end.
NO_CURES = {"epochs", "max_tokens"}


def coursework(kind: str) -> tuple[Recipe, object] | None:
    return presets.preset(kind, "coursework") if "coursework" in presets.names(kind) else None


@pytest.mark.parametrize("kind", REGISTRY)
def test_every_cure_changes_best_by_options_that_there_are(kind: str) -> None:
    components, best = ABLATION_COMPONENTS[kind], presets.preset(kind, "best")
    assert len({component.name for component in components}) == len(components) > 10
    found, skipped = variants(components, best, coursework(kind), preset="best")
    assert skipped == []
    by_component = {one.component: one for one in found if one.component}
    for component in components:
        changed = search_space.split(by_component[component.name].settings, *best)
        assert changed != best
        assert component.description and (component.ablated or component.added)
    assert len({repr(sorted(one.settings.items())) for one in found}) == len(found)


@pytest.mark.parametrize("kind", ["cnn", "lstm"])
def test_the_cures_in_best_are_all_that_it_changes_in_the_coursework(kind: str) -> None:
    best, start = presets.preset(kind, "best"), coursework(kind)
    assert start is not None
    names = [option.name for part in best for option in fields(part)]
    ours, theirs = (search_space.values_of(names, *one) for one in (best, start))
    changed = {name for name in names if ours[name] != theirs[name]} - NO_CURES
    taken = {name for component in ABLATION_COMPONENTS[kind] if component.is_in(best) for name in component.ablated}
    # Some that the coursework has and `best` leaves off are tried again beside the rest.
    tried = {name for component in ABLATION_COMPONENTS[kind] for name in component.added}
    assert taken <= changed <= taken | tried
    ablated = [one for component in ABLATION_COMPONENTS[kind] for one in component.ablated.items()]
    assert ablated == [(name, theirs[name]) for name, _ in ablated]


def test_variants_of_the_coursework_and_of_the_preset() -> None:
    base = (Recipe(epochs=5, weight_decay=0.1), REGISTRY["lstm"].config_class(word_dropout=0.4, max_tokens=64))
    start = (Recipe(epochs=9), REGISTRY["lstm"].config_class())
    components = (
        Component("word dropout", "w", ablated={"word_dropout": 0.0}),
        Component("focal loss", "f", added={"loss": "focal"}),
        Component("averaged weights", "a", ablated={"ema_decay": 0.0}),
        Component("impossible", "i", added={"dense_dropout": 2.0}),
    )
    found, skipped = variants(components, base, start, preset="best", on_baseline=True)
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
    assert skipped[0] == "averaged weights: best has none of it to take away"
    assert "dense_dropout must be 0 to 1" in skipped[1]
    alone, _ = variants(components, base, base, preset="best")
    assert [one.name for one in alone if one.group == "preset"] == ["best"]
    same = replace(base[0], loss="focal"), base[1]
    assert variants(components[1:2], same, None, preset="mine")[1] == ["focal loss: mine has it already"]


def test_of_a_cure_with_both_sides_the_preset_decides() -> None:
    model = REGISTRY["lstm"].config_class()
    smoothed = Component("smoothed", "s", ablated={"label_smoothing": 0.0}, added={"label_smoothing": 0.05})

    def tried(preset: Recipe, start: Recipe) -> dict[str, dict[str, object]]:
        found, skipped = variants([smoothed], (preset, model), (start, model), preset="best", on_baseline=True)
        assert skipped == []
        return {one.name: dict(one.settings) for one in found if one.component}

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
    known = (Recipe(), REGISTRY["cnn"].config_class())
    text = """
        small: {what: fewer filters, without: {block_filters: [8, 16], learning_rate: 1e-3}}
        focal: {with: {loss: focal}}
        either: {without: {mixup: 0}, with: {mixup: 0.3}}
    """
    small, focal, either = read_components(text, known=known, where="my.yaml")
    assert small == Component("small", "fewer filters", ablated={"block_filters": (8, 16), "learning_rate": 0.001})
    assert focal == Component("focal", "", added={"loss": "focal"})
    assert either == Component("either", "", ablated={"mixup": 0.0}, added={"mixup": 0.3})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {without: {word_dropuot: 0}}", "did you mean word_dropout"),
        ("a: {without: {word_dropout: 3}}", "word_dropout must be 0 to 1"),
        ("a: {without: {word_dropout: 0}, wiht: {ema: 0.9}}", "must have options under `ablated`"),
        ("a: {what: nothing}", "must have options under `ablated`"),
        ("[1, 2]", "must map names of components"),
        ("a: {without: [word_dropout]}", "does not map options to values"),
        ("a: {", "is not YAML"),
    ],
)
def test_what_is_wrong_with_a_file_of_cures_is_said(text: str, message: str) -> None:
    known = (Recipe(), REGISTRY["lstm"].config_class())
    with pytest.raises(SearchSpaceError, match=message):
        read_components(text, known=known, where="my.yaml")
