"""Mixup: convex combinations of two films' inputs and labels, against overfitting (Zhang et al. 2018)."""

from __future__ import annotations

from typing import Any

from keras import ops

_PICTURES = ("uint8", "float16", "bfloat16", "float32")


def mixed(inputs: Any, labels: Any, *, real: Any, own: Any, order: Any) -> tuple[Any, Any]:
    """Mix each film's picture and labels with another's: `own` and 1 - `own` (eq. 1).

    Drawing is left to the caller: that needs random numbers which a resumed run draws again.

    Args:
        inputs: pictures [B, H, W, 3]; come back in their dtype.
        labels: float32 [B, G], 0 or 1; what comes back is between.
        real: bool [B], False for rows that only fill the batch: they are left as they are, and mixed into none.
        own: float32 [B], 0 to 1.
        order: float32 [B], 0 to 1 at random. By it the films stand in a circle, each before the one it is mixed with.
    """
    others = _next_in_circle(real, order)

    def mix(values: Any) -> Any:
        share = ops.reshape(own, (-1,) + (1,) * (len(values.shape) - 1))
        both = share * ops.cast(values, "float32") + (1 - share) * ops.cast(ops.take(values, others, axis=0), "float32")
        mine = ops.reshape(real, share.shape)
        return ops.where(mine, ops.cast(ops.round(both) if values.dtype == "uint8" else both, values.dtype), values)

    return mix(inputs), mix(labels)


def _next_in_circle(real: Any, order: Any) -> Any:
    """Return each row's successor among the real rows, in a cycle; int32 [B]."""
    films = ops.sum(ops.cast(real, "int32"))
    ordered = ops.argsort(ops.where(real, order, 2.0))  # filling last
    place = ops.argsort(ordered)
    return ops.take(ordered, (place + 1) % ops.maximum(films, 1), axis=0)


def require_pictures(model: Any) -> None:
    """Refuse to mix what a mixture has no meaning for, such as token ids.

    Raises:
        ValueError: the model reads something else than pictures, or more than them.
    """
    if len(model.inputs) == 1 and len(model.inputs[0].shape) == 4 and model.inputs[0].dtype in _PICTURES:
        return
    read = ", ".join(f"{one.name} ({one.dtype})" for one in model.inputs)
    raise ValueError(f"mixup is for models that see posters alone, and {model.name} reads {read}: leave it at 0")
