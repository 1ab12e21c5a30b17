"""A short text on whether a training run overfitted, computed from its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genre_models.report.style.formats import number, percent, show

# Epoch-to-epoch noise of the validation loss on a few hundred films is about this much of its value.
NOISE = 0.01
# A rise of the validation loss of at least this share is called overfitting, a smaller one its beginning.
CLEAR_RISE = 0.05


@dataclass(frozen=True)
class Course:
    """The epochs of a history whose two losses are finite, at least one."""

    epochs: list[int]
    training: list[float]
    validation: list[float]

    @property
    def best(self) -> int:
        """Return the index of the lowest validation loss, the first on ties."""
        return self.validation.index(min(self.validation))

    @property
    def rise(self) -> float:
        """Return the final validation loss's rise over the best, as a fraction of the best."""
        return self.validation[-1] / self.validation[self.best] - 1

    @property
    def training_fall(self) -> float:
        """Return the relative fall of the training loss after the best epoch; negative if it rose."""
        start = self.training[self.best]
        return (start - self.training[-1]) / start if start else 0.0

    @property
    def tail(self) -> int:
        """Return the number of epochs in the last quarter of the run, at least 1."""
        return max(1, len(self.epochs) // 4)

    @property
    def late_gain(self) -> float:
        """Return the relative improvement of the best validation loss in the last quarter."""
        earlier = min(self.validation[: -self.tail])
        return (earlier - min(self.validation)) / earlier


def overfitting(
    history: Sequence[Mapping[str, Any]], *, name: str = "The model", kept_epoch: int | None = None
) -> dict[str, Any]:
    """Return metrics and a sentence on overfitting.

    `kind` is one of `overfits`, `begins to overfit`, `level`, `still falling`, `unsteady`, `one epoch`,
    `broke down`, `unknown`. The other metrics are None or missing if they are unknown.
    """
    course = _course(history)
    figures: dict[str, Any] = {"kind": "unknown", "epochs": len(history), "best_epoch": None}
    if course is None:
        why = "no epoch has a finite loss on both training and validation films"
        return figures | {"sentence": f"{name}: nothing can be said on overfitting, because {why}."}
    figures |= {
        "kind": _kind(course, history),
        "best_epoch": course.epochs[course.best],
        "best_validation_loss": course.validation[course.best],
        "training_loss_at_best": course.training[course.best],
        "last_epoch": course.epochs[-1],
        "last_validation_loss": course.validation[-1],
        "last_training_loss": course.training[-1],
        "training_fall_after_best": course.training_fall,
        "validation_rise_after_best": course.rise,
        "gap_at_best": course.validation[course.best] - course.training[course.best],
        "gap_at_end": course.validation[-1] - course.training[-1],
    }
    sentences = [
        _main(name, course, figures["kind"]),
        _gap_at_end(course, figures["kind"]),
        _ranking(history, course, figures["kind"]),
        _left_out(history, course, figures["kind"]),
        _kept(course, kept_epoch, figures["kind"]),
    ]
    return figures | {"sentence": " ".join(part for part in sentences if part)}


def _course(history: Sequence[Mapping[str, Any]]) -> Course | None:
    rows = []
    for place, row in enumerate(history, start=1):
        training, validation = number(row.get("loss")), number(row.get("validation_loss"))
        if training is not None and validation is not None and validation > 0:
            rows.append((int(row.get("epoch") or place), training, validation))
    if not rows:
        return None
    epochs, training_losses, validation_losses = (list(column) for column in zip(*rows, strict=True))
    return Course([int(epoch) for epoch in epochs], training_losses, validation_losses)


def _kind(course: Course, history: Sequence[Mapping[str, Any]]) -> str:
    if number(history[-1].get("loss")) is None:
        return "broke down"
    if len(course.epochs) == 1:
        return "one epoch"
    if course.rise < NOISE:
        in_tail = course.best >= len(course.epochs) - course.tail
        return "still falling" if in_tail and course.late_gain >= NOISE else "level"
    if course.training_fall <= 0:
        return "unsteady"
    return "overfits" if course.rise >= CLEAR_RISE else "begins to overfit"


def _main(name: str, course: Course, kind: str) -> str:
    best, last = course.epochs[course.best], course.epochs[-1]
    lowest = show(course.validation[course.best])
    when = f"validation loss was lowest ({lowest}) at epoch {best} of {last}"
    fell, rose = percent(abs(course.training_fall), 1), percent(course.rise, 1)
    if kind == "broke down":
        return f"{name} broke down: its training loss is no longer a number after epoch {last}. Until then {when}."
    if kind == "one epoch":
        return (
            f"{name} has one readable epoch (training loss {show(course.training[0])}, validation loss "
            f"{show(course.validation[0])}): one point is no curve, so nothing can be said on overfitting."
        )
    if kind == "still falling":
        return (
            f"{name} was stopped too early: {when}, and the last {_last(course.tail)} still brought it down "
            f"by {percent(course.late_gain, 1)}. It has not turned up, so more epochs would probably gain."
        )
    if kind == "level":
        so_far = "it has not turned up" if course.best == len(course.epochs) - 1 else f"it ended {rose} above that"
        return f"{name} does not overfit to speak of: {when}, and {so_far}. It has levelled off."
    if kind == "unsteady":
        moved = f"rose by {fell} as well" if course.training_fall < 0 else "did not fall"
        return (
            f"{name} trained unsteadily: {when} and {rose} higher at the end, but the training loss {moved}. "
            "That is not overfitting; the learning rate is the first thing to lower."
        )
    verb = "overfits" if kind == "overfits" else "begins to overfit"
    return f"{name} {verb}: {when}; after it training loss fell on by {fell} while validation loss rose by {rose}."


def _gap_at_end(course: Course, kind: str) -> str:
    if kind in ("one epoch", "broke down"):
        return ""
    training, validation = course.training[-1], course.validation[-1]
    both = f"{show(validation)} on validation films against {show(training)} in training"
    if training > validation:
        return (
            f"At the end the loss is {both}: training stays above validation, as it does where dropout or "
            "changed pictures make training harder than evaluating, so this gap hides no overfitting and proves "
            "none."
        )
    return f"At the end the loss is {both}, a gap of {show(validation - training)}."


def _ranking(history: Sequence[Mapping[str, Any]], course: Course, kind: str) -> str:
    """Describe a ranking that still improves after the lowest validation loss."""
    values = [number(row.get("validation_mean_average_precision")) for row in history]
    known = [(value, place) for place, value in enumerate(values) if value is not None]
    if kind not in ("overfits", "begins to overfit") or not known:
        return ""
    best, place = max(known, key=lambda pair: (pair[0], -pair[1]))
    best_epoch = int(history[place].get("epoch") or place + 1)
    at_best_loss = next(
        (value for value, row in known if int(history[row].get("epoch") or row + 1) == course.epochs[course.best]),
        None,
    )
    if at_best_loss is None or best_epoch <= course.epochs[course.best] or best - at_best_loss < 0.005:
        return ""
    return (
        f"Mean average precision on the validation films still rose until epoch {best_epoch} "
        f"({show(at_best_loss)} to {show(best)}): the order of the genres improved while the probabilities "
        "became too sure."
    )


def _left_out(history: Sequence[Mapping[str, Any]], course: Course, kind: str) -> str:
    missing = len(history) - len(course.epochs)
    if not missing or kind == "broke down":
        return ""
    return f"Left out of this: {missing} of {len(history)} epochs, which have no finite loss."


def _kept(course: Course, kept_epoch: int | None, kind: str) -> str:
    if kept_epoch is None or kind == "one epoch":
        return ""
    if kept_epoch == course.epochs[course.best] and kind in ("overfits", "begins to overfit", "unsteady"):
        return f"The checkpoint evaluated here is that of epoch {kept_epoch}, so what came after did no harm."
    return f"The checkpoint evaluated here is that of epoch {kept_epoch}."


def _last(epochs: int) -> str:
    return "epoch" if epochs == 1 else f"{epochs} epochs"
