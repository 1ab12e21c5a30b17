"""Two training workers against one: the same weights on both ranks, the same course as a single worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genre_models.training.history import EpochMetrics, from_csv
from tests.conftest import RunJob

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
GENRES, FILMS, EPOCHS = 3, 200, 4


def films(seed: int, count: int) -> dict[str, np.ndarray]:
    """Return posters whose brightness in each third of the rows tells a genre."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((count, GENRES)) < 0.4).astype(np.float32)
    posters = rng.integers(0, 90, (count, 18, 16, 3)).astype(np.uint8)
    for genre in range(GENRES):
        posters[labels[:, genre] > 0, genre * 6 : genre * 6 + 6] += 150
    return {"inputs": posters, "labels": labels}


def train_on_rank(config: dict[str, Any]) -> None:
    """Train this rank's share under the project's own loop, and leave its weights and history in a folder."""
    import ray.train

    from datasets.batches.batching import BatchConfig, training_batches, validation_batches
    from genre_models.models.poster_cnn import PosterCNN, build
    from genre_models.training import trainer as fit
    from genre_models.training.recipe import Recipe

    context = ray.train.get_context()
    rank, workers = context.get_world_rank(), context.get_world_size()
    strategy = fit.set_up_tensorflow(workers=workers, threads=1)
    import keras

    assert keras.__version__.startswith("3.")
    train, validation = films(0, FILMS), films(1, 31)  # 31: the ranks' shares differ by one
    mine = [{name: column[rank::workers] for name, column in part.items()} for part in (train, validation)]
    batching = BatchConfig(20 // workers)
    steps = [-(-len(part["labels"]) // workers // batching.batch_size) for part in (train, validation)]
    steps[1] = -(-16 // batching.batch_size) if workers > 1 else -(-31 // batching.batch_size)
    model = PosterCNN(18, 16, stem_filters=4, block_filters=(8,), dense_units=16, dense_layers=1)
    state = fit.fit(
        lambda: build(model, genres=GENRES),
        Recipe(epochs=EPOCHS, batch_size=20, learning_rate=3e-3),
        strategy=strategy,
        training=lambda epoch: training_batches(
            [mine[0]], batching, seed=0, epoch=epoch, rank=rank, steps=-(-FILMS // 20)
        ),
        validation=lambda: validation_batches([mine[1]], batching, steps=steps[1]),
    )
    folder = Path(config["folder"])
    np.savez(folder / f"rank-{rank}.npz", *[variable.numpy() for variable in state.model.trainable_variables])
    (folder / f"rank-{rank}.json").write_text(json.dumps([vars(epoch) for epoch in state.history]))
    if workers > 1:
        half_in_float16(folder, rank, strategy, mine[0], batching.batch_size)


def half_in_float16(folder: Path, rank: int, strategy: Any, films: dict[str, np.ndarray], size: int) -> None:
    """Train in float16 on posters of which one of the second rank's is infinite there, and leave weights and scale."""
    from genre_models.models.poster_cnn import PosterCNN, build
    from genre_models.training import trainer as fit
    from genre_models.training.recipe import Recipe

    model = PosterCNN(18, 16, stem_filters=4, block_filters=(8,), dense_units=16, dense_layers=1)
    recipe = Recipe(batch_size=2 * size, learning_rate=3e-3, dtype_policy="float16", clip_norm=0.5, ema_decay=0.9)
    trainer = fit.Trainer(lambda: build(model, genres=GENRES), recipe, strategy)

    def batches() -> Any:
        for step in range(5):
            posters = films["inputs"][step * size : (step + 1) * size].astype(np.float32)
            if (rank, step) == (1, 2):
                posters[0] = 1e9
            labels = films["labels"][step * size : (step + 1) * size]
            yield {"inputs": posters, "labels": labels, "weights": np.ones(size, np.float32)}

    sums = trainer.train_epoch(1, batches(), lambda _: None)
    trainer.train_epoch(2, batches(), lambda _: None, 5)
    taken = np.array(
        [int(trainer.optimizer.iterations.numpy()), float(trainer.optimizer.dynamic_scale.numpy()), sums[1]]
    )
    weights = [variable.numpy() for variable in trainer.model.trainable_variables]
    averages = [variable.numpy() for variable in trainer.optimizer.variables]
    np.savez(folder / f"half-{rank}.npz", taken, *weights, *averages)


def trained(folder: Path, workers: int) -> list[tuple[list[np.ndarray], list[EpochMetrics]]]:
    """Train on this many workers and return each rank's weights and history."""
    import ray.train
    from ray.train.tensorflow import TensorflowTrainer

    folder.mkdir()
    TensorflowTrainer(
        train_on_rank,
        train_loop_config={"folder": str(folder)},
        scaling_config=ray.train.ScalingConfig(num_workers=workers, resources_per_worker={"CPU": 0.9}),
        run_config=ray.train.RunConfig(storage_path=str(folder), name="run"),
    ).fit()
    ranks = []
    for rank in range(workers):
        with np.load(folder / f"rank-{rank}.npz") as weights:
            history = [EpochMetrics(**epoch) for epoch in json.loads((folder / f"rank-{rank}.json").read_text())]
            ranks.append(([weights[name] for name in weights.files], history))
    return ranks


@pytest.mark.usefixtures("local_ray")
def test_two_workers_end_with_the_same_weights_and_the_loss_of_one(tmp_path: Path) -> None:
    (one,) = trained(tmp_path / "one", 1)
    first, second = trained(tmp_path / "two", 2)
    for ours, theirs in zip(first[0], second[0], strict=True):
        assert np.array_equal(ours, theirs)
    with np.load(tmp_path / "two" / "half-0.npz") as ours, np.load(tmp_path / "two" / "half-1.npz") as theirs:
        # Both left out the steps in which one overflowed.
        steps, scale, counted = ours["arr_0"]
        assert steps == 8 and scale == 2.0**13
        assert counted in (90, 100)  # without the second rank's films, if its loss was not finite either
        for name in ours.files:
            assert np.array_equal(ours[name], theirs[name])
            assert np.isfinite(ours[name]).all()
    for a, b in zip(first[1], second[1], strict=True):
        assert a.loss == b.loss
        assert a.validation_loss == b.validation_loss
        assert a.validation_mean_average_precision == b.validation_mean_average_precision
    # It learned, and two workers came as far as one: other shuffles and dropout are all that differs.
    assert one[1][-1].loss < 0.75 * one[1][0].loss
    assert first[1][-1].loss == pytest.approx(one[1][-1].loss, rel=0.15)
    assert first[1][-1].validation_loss == pytest.approx(one[1][-1].validation_loss, rel=0.25)


def test_the_train_job_runs_on_two_workers_and_validates_every_film(tmp_path: Path, run_job: RunJob) -> None:
    store, runs = tmp_path / "store", tmp_path / "runs"
    run_job("prepare_data", "--store", store, "--sample-films", 130, "--height", 32, "--width", 32)
    tiny = ("--height", 32, "--width", 32, "--stem-filters", 4, "--block-filters", 8, "--dense-units", 16)
    common = ("--store", store, "--runs", runs, "--epochs", 2, "--batch-size", 16, *tiny)
    run_job("train_cnn", *common, "--name", "two", "--workers", 2)
    run_job("train_cnn", *common, "--name", "one", "--workers", 1)
    # Films that do not fit the object store are read anew in every epoch, beside workers that hold nearly all CPUs.
    run_job("train_cnn", *common, "--name", "streamed", "--workers", 2, "--object-store-share", 1e-9)
    two, one, streamed = (from_csv((runs / name / "history.csv").read_text()) for name in ("two", "one", "streamed"))
    assert len(two) == len(one) == len(streamed) == 2
    assert two[-1].validation_loss == pytest.approx(one[-1].validation_loss, rel=0.2)
    assert streamed[-1].validation_loss == pytest.approx(one[-1].validation_loss, rel=0.2)
