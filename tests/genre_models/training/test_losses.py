"""The losses that are trained on, against Keras and by hand, and the weights of genres."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from genre_models.training.losses import trained_on, weights_of
from genre_models.training.recipe import Recipe

DRAW = np.random.default_rng(0)
SCORES = DRAW.uniform(0.001, 0.999, (6, 4)).astype(np.float32)
LABELS = (DRAW.random((6, 4)) < 0.4).astype(np.float32)


def told(recipe: Recipe, labels: Any = LABELS, scores: Any = SCORES, films: Any = None) -> np.ndarray:
    """Each film's loss by a recipe."""
    losses = trained_on(recipe, films)
    assert losses is not None
    return np.asarray(losses(tf.constant(labels, tf.float32), tf.constant(scores, tf.float32)))


def test_nothing_by_default() -> None:
    assert trained_on(Recipe(), None) is None
    assert trained_on(Recipe(gamma=5.0), np.array([1, 2])) is None


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_focal_is_that_of_keras(gamma: float) -> None:
    wanted = keras.losses.binary_focal_crossentropy(LABELS, SCORES, gamma=gamma)
    assert told(Recipe(loss="focal", gamma=gamma)) == pytest.approx(np.asarray(wanted), rel=1e-5)


def test_no_focus_is_cross_entropy() -> None:
    wanted = keras.losses.binary_crossentropy(LABELS, SCORES, label_smoothing=0.2)
    recipe = Recipe(loss="asymmetric", gamma=0.0, prob_margin=0.0, label_smoothing=0.2)
    assert told(recipe) == pytest.approx(np.asarray(wanted), rel=1e-5)


def test_asymmetric_by_hand() -> None:
    """A genre had, told 0.8: -log 0.8 = 0.2231436. One not had, told 0.3: 0.25^2 * -log 0.75 = 0.0179801; told 0.04, it
    is below the margin and free."""
    recipe = Recipe(loss="asymmetric", gamma=2.0, prob_margin=0.05)
    assert told(recipe, [[1.0], [0.0], [0.0]], [[0.8], [0.3], [0.04]]) == pytest.approx(
        [0.2231436, 0.0179801, 0.0], abs=1e-6
    )
    assert told(recipe, [[1.0, 0.0]], [[0.8, 0.3]]) == pytest.approx([(0.2231436 + 0.0179801) / 2])


def test_soft_labels_are_between() -> None:
    """Mixed films have them: a quarter of a positive and three of a negative."""
    recipe = Recipe(loss="focal", gamma=1.5)
    positive, negative = (told(recipe, [[label]], [[0.3]])[0] for label in (1.0, 0.0))
    assert told(recipe, [[0.25]], [[0.3]]) == pytest.approx([0.25 * positive + 0.75 * negative])


@pytest.mark.slow
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize(("loss", "prob_margin"), [("focal", 0.0), ("asymmetric", 0.0), ("asymmetric", 0.05)])
def test_gradients_at_the_ends(loss: Any, prob_margin: float, gamma: float) -> None:
    """Probabilities of 0 and 1 to float32: nothing is infinite, and what is wrong is still drawn to what is right."""
    losses = trained_on(Recipe(loss=loss, prob_margin=prob_margin, gamma=gamma), None)
    assert losses is not None
    logits = tf.constant([[-200.0], [-30.0], [-5.0], [0.0], [5.0], [30.0], [200.0]])

    @tf.function
    def gradient(logits: Any, label: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = losses(tf.fill(tf.shape(logits), label), keras.activations.sigmoid(logits))
        return loss, tape.gradient(loss, logits)

    for label in (0.0, 1.0):
        value, slope = gradient(logits, label)
        assert np.isfinite(value).all() and np.isfinite(slope).all()
        assert (value.numpy() >= 0).all()
        wrong = slope.numpy()[0 if label else 4, 0]
        assert wrong < -0.1 if label else wrong > 0.01


def test_weights_by_hand() -> None:
    """Of 10 labels a genre of 8 weighs 5/8 and one of 2 weighs 5/2: 5 each, 10 together. Effective numbers of 1 and 2
    films are 1 and 1 + 0.999; 3 labels / (1/1 + 2/1.999) = 1.499625, divided by each."""
    assert weights_of("inverse_frequency", np.array([8, 2])) == pytest.approx([0.625, 2.5])
    assert weights_of("effective_number", np.array([1, 2])) == pytest.approx([1.499625, 0.750188], rel=1e-5)
    assert weights_of("none", np.array([8, 2])).tolist() == [1, 1]


def test_effective_numbers_level_off() -> None:
    """Of 3,000 and 9,000 films both are worth nearly 1,000: (1 - 0.999^3000) / (1 - 0.999^9000) = 0.9504."""
    many, more = weights_of("effective_number", np.array([3000, 9000]))
    assert more / many == pytest.approx(0.9504, abs=1e-3)


@pytest.mark.parametrize("kind", ["inverse_frequency", "effective_number"])
def test_weights_are_bounded(kind: Any) -> None:
    """A genre of three films, and one that no training film has."""
    common, rare, absent = weights_of(kind, np.array([5000, 3, 0]))
    assert (rare, absent) == (10, 1)
    assert 0.4 < common < 1.01
    assert weights_of(kind, np.zeros(3)).tolist() == [1, 1, 1]


def test_weights_are_of_positives_alone() -> None:
    """A film's genres weigh 0.625 and 2.5 where it has them, and 1 where not."""
    films, recipe = np.array([8, 2]), Recipe(genre_weights="inverse_frequency")
    had, not_had = -np.log(0.3), -np.log(0.7)
    assert told(recipe, [[1, 1]], [[0.3, 0.3]], films) == pytest.approx([(0.625 + 2.5) / 2 * had])
    assert told(recipe, [[0, 1]], [[0.3, 0.3]], films) == pytest.approx([(not_had + 2.5 * had) / 2])
    assert told(recipe, [[0, 0]], [[0.3, 0.3]], films) == pytest.approx([not_had])


def test_weights_go_with_every_loss() -> None:
    """As `test_asymmetric_by_hand`, the genre had weighing 2.5."""
    recipe = Recipe(loss="asymmetric", genre_weights="inverse_frequency")
    wanted = (2.5 * 0.2231436 + 0.0179801) / 2
    assert told(recipe, [[0, 1]], [[0.3, 0.8]], np.array([8, 2])) == pytest.approx([wanted])


def test_weights_need_the_numbers_of_films() -> None:
    with pytest.raises(ValueError, match="inverse_frequency needs the number of training films"):
        trained_on(Recipe(genre_weights="inverse_frequency"), None)
