"""Console display of a training run: a line for each epoch, and the remaining time."""

from __future__ import annotations

from genre_models.training.history import EpochMetrics
from ray_jobs.cli.console import Console, Countdown, duration
from ray_jobs.cluster.node_watch import NodeWatch, WorkerStarted
from ray_jobs.training.timing import FIRST_STEP, EpochGap, Span, table
from ray_jobs.training.train_spec import Progress


class ProgressDisplay:
    """Display of a run's progress messages on the console."""

    def __init__(self, epochs: int, console: Console, spans: list[Span], watch: NodeWatch | None = None) -> None:
        self._epochs, self._console, self._spans, self._watch = epochs, console, spans, watch
        self._timer: Countdown | None = None
        self._before = self._last = 0.0

    def show(self, message: Progress | Span | EpochGap | WorkerStarted) -> None:
        """Show a message from rank 0; with `--timing` also the table of the start-up and the epoch gaps."""
        if isinstance(message, WorkerStarted):
            if self._watch is not None:
                self._watch.started(message)
            return
        if isinstance(message, EpochGap):
            self._console.line(message.line())
            return
        if isinstance(message, Span):
            self._spans.append(message)
            if message.activity == FIRST_STEP:
                self._console.line("\n".join(table(self._spans)))
            return
        done = message.epoch - 1 + (message.step / message.steps if message.steps else 0)
        moves = message.metrics is None and message.phase == "training"  # other messages count no steps
        if self._timer is None or (moves and done < self._last):  # restarted after a crash, from an earlier epoch
            self._timer, self._before = Countdown(), done
            self._last = done
        self._last = max(self._last, float(message.epoch) if message.metrics else done)
        if message.metrics is None:
            position = f"{message.step}/{message.steps}" if message.steps else f"{message.step}"
            activity = f"step {position}" if message.phase == "training" else "validating"
            self._console.status(f"epoch {message.epoch}/{self._epochs}, {activity}{self._left(self._timer, done)}")
            return
        left = self._left(self._timer, float(message.epoch))
        self._console.line(epoch_line(message.metrics, self._epochs) + left)

    def _left(self, timer: Countdown, done: float) -> str:
        return "" if done >= self._epochs else timer.left(done - self._before, self._epochs - self._before)


def epoch_line(metrics: EpochMetrics, epochs: int) -> str:
    """Return an epoch's training metrics as a line, with validation metrics in brackets."""
    return (
        f"epoch {metrics.epoch:>{len(str(epochs))}}/{epochs}  "
        f"loss {metrics.loss:.4f} ({metrics.validation_loss:.4f})  "
        f"precision {metrics.precision:.3f} ({metrics.validation_precision:.3f})  "
        f"recall {metrics.recall:.3f} ({metrics.validation_recall:.3f})  "
        f"mean AP ({metrics.validation_mean_average_precision:.3f})  {duration(metrics.seconds)}"
    )
