"""Posters mixed two by two: what is mixed with what, and never with what only fills a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from genre_models.training.mixup import mixed


def mix(pictures: Any, real: list[bool], own: list[float], order: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Mix films of one pixel, each with a genre of its own."""
    values = tf.reshape(tf.constant(pictures), (-1, 1, 1, 1))
    labels = tf.eye(len(pictures))
    inputs, labels = mixed(values, labels, real=tf.constant(real), own=tf.constant(own), order=tf.constant(order))
    assert inputs.dtype == values.dtype
    return inputs.numpy().ravel(), labels.numpy()


def test_each_with_the_next_by_order() -> None:
    """By order they stand 10, 30, 20: so 10 is mixed with 30, 30 with 20 and 20 with 10."""
    pictures, labels = mix([10.0, 20.0, 30.0], [True] * 3, [0.9, 0.5, 0.0], [0.1, 0.8, 0.3])
    assert pictures == pytest.approx([0.9 * 10 + 0.1 * 30, 0.5 * 20 + 0.5 * 10, 20])
    assert labels == pytest.approx(np.array([[0.9, 0, 0.1], [0.5, 0.5, 0], [0, 1, 0]]))


def test_whole_numbers_are_rounded() -> None:
    pictures, _ = mix(np.array([250, 3], np.uint8), [True] * 2, [0.3, 0.9], [0.1, 0.2])
    assert pictures.tolist() == [77, 28]  # 0.3 * 250 + 0.7 * 3 = 77.1; 0.9 * 3 + 0.1 * 250 = 27.7


def test_filling_is_left_out() -> None:
    """Of four films the second and third only fill, whatever their order says: the others are mixed with each other."""
    pictures, labels = mix([10.0, 77.0, 88.0, 20.0], [True, False, False, True], [0.5, 0.5, 0.5, 0.9], [0.5, 0, 0.2, 1])
    assert pictures == pytest.approx([15, 77, 88, 19])
    assert labels[1:3].tolist() == np.eye(4)[1:3].tolist()
    assert labels[:, 1:3].sum() == 2


@pytest.mark.parametrize("real", [[False, False], [True, False]])
def test_nothing_to_mix_with(real: list[bool]) -> None:
    pictures, labels = mix([10.0, 20.0], real, [0.3, 0.3], [0.1, 0.2])
    assert pictures == pytest.approx([10, 20])
    assert labels == pytest.approx(np.eye(2))
