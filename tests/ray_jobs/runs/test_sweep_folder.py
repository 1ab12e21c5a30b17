"""What a sweep keeps of its trials, and what is shown of them while it runs."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ray_jobs.cli.console import Console
from ray_jobs.runs.sweep_folder import SweepFolder, Trial
from ray_jobs.tuning.progress_callback import CUT_SHORT, SweepCallback, best_of
from tests.ray_jobs.epochs import epochs


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return SweepFolder(str(tmp_path), "sweep")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def keep_checkpoint(folder: SweepFolder, number: int, epoch: int, loss: float = 1.0) -> None:
    with folder.trial_folder(number).new_checkpoint(epoch) as local:
        (local / "checkpoint.json").write_text(
            json.dumps({"format": 1, "kind": "cnn", "epoch": epoch, "figures": {"validation_loss": loss}})
        )


# -- the folder -------------------------------------------------------------------------------------------------------


def test_trials_are_read_back_as_they_were_written(folder: SweepFolder) -> None:
    written = [
        Trial(2, {"batch_size": 32, "block_filters": (8, 16)}, "failed", "no memory"),
        Trial(1, {"batch_size": 64, "block_filters": (8,)}, "running", history=epochs(0.5, 0.4)),
    ]
    for trial in written:
        folder.write_trial(trial)
    folder.trial_folder(1).write_history(written[1].history)
    keep_checkpoint(folder, 1, 2)
    assert folder.trials() == [written[1], written[0]]


def test_a_trial_cut_off_before_its_checkpoint_stands_where_its_last_one_is(folder: SweepFolder) -> None:
    trial = Trial(1, {}, "running", history=epochs(0.5, 0.4, 0.3))
    folder.write_trial(trial)
    folder.trial_folder(1).write_history(trial.history)
    assert folder.trials()[0].history == []
    keep_checkpoint(folder, 1, 2)
    assert folder.trials()[0].history == trial.history[:2]


def test_a_folder_without_trials_has_none(folder: SweepFolder) -> None:
    assert folder.trials() == []


def test_best_so_far_never_gets_worse_and_nan_never_wins() -> None:
    trial = Trial(1, {}, history=epochs(0.5, math.nan, 0.3, 0.4))
    assert trial.best_so_far("validation_loss") == [0.5, 0.5, 0.3, 0.3]
    assert trial.best_so_far("validation_mean_average_precision") == [0.5, 0.5, 0.5, 0.5]
    assert trial.best("validation_loss") == 0.3
    assert Trial(1, {}, history=epochs(math.nan)).best("validation_loss") is None
    assert Trial(1, {}).best("validation_loss") is None


def test_the_best_trial_did_not_fail() -> None:
    trials = [
        Trial(1, {}, "finished", history=epochs(0.5)),
        Trial(2, {}, "failed", history=epochs(0.1)),
        Trial(3, {}, "running", history=epochs(0.5)),
        Trial(4, {}, "waiting"),
    ]
    assert best_of(trials, "validation_loss") is trials[0]
    assert best_of(trials[3:], "validation_loss") is None


def test_checkpoints_come_whole_and_only_the_kept_stay(folder: SweepFolder) -> None:
    run = folder.trial_folder(1)
    for epoch in (1, 2, 3):
        keep_checkpoint(folder, 1, epoch)
    with pytest.raises(OSError, match="disk"), run.new_checkpoint(4) as local:
        (local / "checkpoint.json").write_text("{}")
        raise OSError("the disk is full")
    assert sorted(run.checkpoints()) == [1, 2, 3]
    run.prune_checkpoints({1, 3})
    assert sorted(run.checkpoints()) == [1, 3]
    assert sorted(path.name for path in Path(run.path).iterdir()) == ["epoch-001", "epoch-003"]


@pytest.mark.parametrize(("status", "left"), [("stopped", [1]), ("failed", []), ("running", [1, 2])])
def test_an_ended_trial_keeps_its_best_alone_whatever_workers_wrote_after_its_end(
    folder: SweepFolder, status: str, left: list[int]
) -> None:
    trial = Trial(1, {}, status, history=epochs(0.5))
    for epoch in (1, 2):
        keep_checkpoint(folder, 1, epoch)
    folder.keep_best(trial, "validation_loss")
    assert sorted(folder.trial_folder(1).checkpoints()) == left


@pytest.mark.parametrize(
    ("there", "kept", "known"),
    [
        ({3: 0.3, 4: 0.4}, 3, 4),  # the workers came further than Tune was told of, and to a better epoch
        ({4: 0.4}, 4, 4),  # Ray Train took the later of equals, or was cut off: the best there is
        ({2: 0.4}, 2, 2),  # and the best epoch's model is gone: its figures are no result
    ],
)
def test_a_stopped_trial_keeps_a_checkpoint_whichever_ray_train_left(
    folder: SweepFolder, there: dict[int, float], kept: int, known: int
) -> None:
    losses = (0.5, 0.4, 0.3, 0.4) if 3 in there or 2 in there else (0.5, 0.4, 0.6, 0.4)
    folder.trial_folder(1).write_history(epochs(*losses))
    for epoch, loss in there.items():
        keep_checkpoint(folder, 1, epoch, loss)
    trial = Trial(1, {}, "stopped", history=epochs(*losses[:1]))
    for _ in range(2):  # told at its end, and once more at the sweep's
        folder.keep_best(trial, "validation_loss")
        assert sorted(folder.trial_folder(1).checkpoints()) == [kept]
        assert len(trial.history) == known
        assert trial.best("validation_loss") == there[kept]


# -- watching ---------------------------------------------------------------------------------------------------------


def as_tune(number: int, **settings: Any) -> Any:
    return SimpleNamespace(
        config={"number": number, "settings": settings}, get_pickled_error=lambda: None, get_error=lambda: None
    )


def watched(folder: SweepFolder, *, stopped: set[int] | None = None, stream: Any = None, **more: Any) -> SweepCallback:
    return SweepCallback(
        folder,
        [],
        requested=6,
        epochs=2,
        is_finished=lambda trial: len(trial.history) >= 2,
        metric="validation_loss",
        scheduler=SimpleNamespace(stopped=stopped or set()),
        console=Console(stream or io.StringIO()),
        **more,
    )


def play(
    watch: SweepCallback, folder: SweepFolder, number: int, *losses: float, failed: str = "", again: bool = False
) -> None:
    """Let a trial run as Tune would tell of it."""
    trial = as_tune(number, learning_rate=0.001 * number)
    watch.on_trial_start(trial=trial)
    for epoch in epochs(*losses):
        keep_checkpoint(folder, number, epoch.epoch)
        watch.on_trial_result(trial=trial, result={**vars(epoch), "start_seconds": {"import": 1.0}})
    if failed:
        watch.on_trial_result(trial=trial, result={"failed": failed, "try_again": again})
    watch.on_trial_complete(trial=trial)


def test_every_end_of_a_trial_is_told_from_the_others(folder: SweepFolder) -> None:
    watch = watched(folder, stopped={2})
    play(watch, folder, 1, 0.5, 0.6)
    play(watch, folder, 2, 0.7)
    play(watch, folder, 3, 0.4, failed="TrainingDivergedError: nan")
    play(watch, folder, 4, 0.6)
    watch.on_trial_start(trial=as_tune(5))
    watch.on_trial_error(trial=as_tune(5))
    watch.on_trial_start(trial=as_tune(7))
    watch.mark_interrupted()
    kept = {trial.number: (trial.status, trial.reason) for trial in folder.trials()}
    assert kept == {
        1: ("finished", ""),
        2: ("stopped", "not among the best after epoch 1"),
        3: ("failed", "TrainingDivergedError: nan"),
        4: ("waiting", CUT_SHORT),
        5: ("failed", "its process died"),
        7: ("waiting", CUT_SHORT),
    }
    play(watch, folder, 6, 0.6, failed="OSError: No space left on device", again=True)
    assert folder.trials()[5].status == "waiting"
    assert folder.trial_folder(6).checkpoints()
    checkpoints = {number: sorted(folder.trial_folder(number).checkpoints()) for number in (1, 2, 3, 4)}
    assert checkpoints == {1: [1], 2: [1], 3: [], 4: [1]}


def test_checkpoints_of_ray_trains_workers_stay_while_these_may_live(folder: SweepFolder) -> None:
    watch = watched(folder, stopped={2}, workers_of_train=True)
    for number, losses in ((1, (0.5, 0.6)), (2, (0.7,))):
        keep_checkpoint(folder, number, 5)
        play(watch, folder, number, *losses)
    assert [sorted(folder.trial_folder(n).checkpoints()) for n in (1, 2)] == [[1], [1, 5]]


def test_a_trial_thrown_back_by_a_crash_takes_epochs_twice_and_has_each_once(folder: SweepFolder) -> None:
    watch = watched(folder)
    trial = as_tune(1)
    watch.on_trial_start(trial=trial)
    first, second = epochs(0.5, 0.4)
    for epoch in (first, second, second):
        watch.on_trial_result(trial=trial, result=vars(epoch))
    assert watch.trials[1].history == [first, second]


def test_the_standing_fits_four_lines_whatever_runs(folder: SweepFolder) -> None:
    watch = watched(folder, stopped={2})
    play(watch, folder, 1, 0.5, 0.5)
    play(watch, folder, 2, 0.3)
    for number in range(3, 30):
        watch.on_trial_start(trial=as_tune(number))
    lines = watch.status_lines()
    assert len(lines) == 4
    assert lines[0].startswith("2 of 6 trials ended (1 finished, 1 stopped early, 27 running)")
    assert "trial 2, validation loss 0.3000" in lines[1]
    assert "trial 1, the starting point: 0.5000 after 2 epochs" in lines[1]
    assert "learning_rate 0.002" in lines[2]
    assert lines[3].endswith("and 21 more")


def test_a_terminal_shows_the_block_in_place_and_a_log_only_news(folder: SweepFolder) -> None:
    terminal, log = Terminal(), io.StringIO()
    for stream in (terminal, log):
        play(watched(folder, stream=stream), folder, 1, 0.5, 0.4)
    assert log.getvalue() == "Best so far: trial 1, validation loss 0.5000\n"
    assert "\r\x1b[3A\x1b[J" in terminal.getvalue()  # back over the four lines shown before
    assert "1 of 6 trials ended" in terminal.getvalue()
