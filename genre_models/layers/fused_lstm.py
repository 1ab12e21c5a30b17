"""Keras' LSTM with an explicit time loop: the same arithmetic in less than half the time on a CPU.

Everything that does not depend on the previous step is computed outside the loop: the inputs' part of the gates, and
in the backward pass the gradients of all weights. A few large matrix products replace hundreds of small ones, and one
product per step remains. Runs on any Keras backend.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="film_genres")
class FusedLSTM(keras.layers.LSTM):
    """`keras.layers.LSTM` with the same options, weights, masks and random numbers, and a faster loop.

    On a GPU without recurrent dropout Keras' own loop, cuDNN's kernel, is used. As in cuDNN, bias, tanh and sigmoid are
    fixed. As in Keras, outputs at masked tokens repeat the last one.

    Under mixed precision the matrix products have the layer's precision; the states are float32, as their rounding
    errors would accumulate over the tokens.
    """

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        """Return (last output [B, units], all outputs [B, T, units], [h, c] of [B, units])."""
        if not self.recurrent_dropout and _has_gpu():
            return super().inner_loop(sequences, initial_state, mask=mask, training=training)
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        # Time first: the loop runs along the first axis.
        inputs = ops.transpose(sequences, (1, 0, 2))
        precise = "float32" if inputs.dtype in ("bfloat16", "float16") else inputs.dtype
        real = ops.ones_like(inputs[:, :, :1], dtype=precise)
        if mask is not None:
            real = ops.cast(ops.transpose(ops.cast(mask, "int32"))[:, :, None], precise)
        if self.go_backwards:
            inputs, real = ops.flip(inputs, axis=0), ops.flip(real, axis=0)
        cell = self.cell
        gates = ops.cast(_gates_of_inputs(inputs, cell, training), precise)
        dropout = cell.get_recurrent_dropout_mask(initial_state[0]) if training else None
        # A copy: custom gradients take tensors, not variables.
        kernel = ops.copy(ops.cast(cell.recurrent_kernel, inputs.dtype))
        states = [ops.cast(state, precise) for state in initial_state]
        if dropout is None:
            outputs, carried = _loop(gates, real, kernel, *states)
        else:
            outputs, carried = _loop_with_dropout(gates, real, kernel, ops.cast(ops.stack(dropout), precise), *states)
        outputs, last = ops.cast(outputs, inputs.dtype), ops.cast(carried[-1], inputs.dtype)
        return outputs[-1], ops.transpose(outputs, (1, 0, 2)), [outputs[-1], last]


def _has_gpu() -> bool:
    return any(device.startswith("gpu") for device in keras.distribution.list_devices())


def _gates_of_inputs(inputs: Any, cell: Any, training: bool) -> Any:
    """Return the inputs' part of the gates i, f, g, o before activation, with bias: [T, B, D] -> [T, B, 4U]."""
    dropped = cell.get_dropout_mask(inputs[0]) if training else None
    kernel = ops.cast(cell.kernel, inputs.dtype)
    if isinstance(dropped, list):  # with recurrent dropout Keras samples a mask for each gate
        kernels = ops.split(kernel, 4, axis=1)
        gates = [ops.matmul(inputs * mask, part) for mask, part in zip(dropped, kernels, strict=True)]
        return ops.concatenate(gates, axis=-1) + ops.cast(cell.bias, inputs.dtype)
    if dropped is not None:
        inputs = inputs * dropped
    return ops.matmul(inputs, kernel) + ops.cast(cell.bias, inputs.dtype)


# -- the loop and its gradient ----------------------------------------------------------------------------------------
#
# With a the gates' arguments, m the mask, h and c the states (Hochreiter & Schmidhuber 1997, as in Keras):
#   i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o);  g = tanh(a_g);  a = inputs' part + h' U
#   c = m (f c' + i g) + (1 - m) c';  h = m o tanh(f c' + i g) + (1 - m) h'


def _loop(gates: Any, real: Any, kernel: Any, h: Any, c: Any) -> Any:
    """Run the loop: gates [T, B, 4U], real [T, B, 1], kernel [U, 4U] -> states h and c [T, B, U]."""

    def run(gates: Any, real: Any, kernel: Any, h: Any, c: Any) -> Any:
        def forward(state: Any) -> Any:
            return _product(state, kernel)

        def backward(gradient: Any) -> Any:
            return _product(gradient, ops.transpose(kernel))

        def of_kernel(states: Any, gradients: Any) -> Any:
            return _product_over_time(states, gradients, kernel.dtype)

        states, gradients = _run(gates, real, h, c, forward, backward)

        def gradient(*upstream: Any, **_: Any) -> Any:
            of_gates, before, of_h, of_c = gradients(*_two(upstream))
            return of_gates, ops.zeros_like(real), of_kernel(before, of_gates), of_h, of_c

        return states, gradient

    return ops.custom_gradient(run)(gates, real, kernel, h, c)


def _loop_with_dropout(gates: Any, real: Any, kernel: Any, dropout: Any, h: Any, c: Any) -> Any:
    """Run `_loop` with a recurrent dropout mask for each gate: dropout [4, B, U]."""

    def run(gates: Any, real: Any, kernel: Any, dropout: Any, h: Any, c: Any) -> Any:
        kernels = ops.split(kernel, 4, axis=1)
        turned = [ops.transpose(part) for part in kernels]
        masks = [dropout[gate] for gate in range(4)]

        def forward(state: Any) -> Any:
            return ops.concatenate([_product(state * m, k) for m, k in zip(masks, kernels, strict=True)], axis=-1)

        def backward(gradient: Any) -> Any:
            parts = ops.split(gradient, 4, axis=-1)
            return sum(_product(part, k) * m for part, k, m in zip(parts, turned, masks, strict=True))

        def of_kernel(states: Any, gradients: Any) -> Any:
            parts = ops.split(gradients, 4, axis=-1)
            products = [
                _product_over_time(states * m, part, kernel.dtype) for m, part in zip(masks, parts, strict=True)
            ]
            return ops.concatenate(products, axis=-1)

        states, gradients = _run(gates, real, h, c, forward, backward)

        def gradient(*upstream: Any, **_: Any) -> Any:
            of_gates, before, of_h, of_c = gradients(*_two(upstream))
            nothing = ops.zeros_like(real), ops.zeros_like(dropout)
            return of_gates, nothing[0], of_kernel(before, of_gates), nothing[1], of_h, of_c

        return states, gradient

    return ops.custom_gradient(run)(gates, real, kernel, dropout, h, c)


def _run(gates: Any, real: Any, h: Any, c: Any, forward: Any, backward: Any) -> Any:
    """Return the states (h, c), each [T, B, U], and their backward function.

    The backward function returns the gradients of the gates [T, B, 4U], the state h before each step [T, B, U], and the
    gradients of the initial h and c [B, U].
    """
    # `ops.scan` returns only outputs of the carry's shape: so the gates are carried, though never used.
    nothing = ops.zeros_like(gates[0])

    def step(state: Any, now: Any) -> Any:
        (h, c, _), gate, m = state, gates[now], real[now]
        i, f, g, o = _activated(gate + forward(h))
        wanted = f * c + i * g
        c = c + m * (wanted - c)
        h = h + m * (o * ops.tanh(wanted) - h)
        state = (h, c, ops.concatenate([i, f, g, o], axis=-1))
        return state, state

    # Over step indices: over several arrays it fails in TensorFlow for lengths not known beforehand (Keras 3.15).
    steps = ops.arange(ops.shape(gates)[0])
    _, (hs, cs, activated) = ops.scan(step, (h, c, nothing), steps)

    def gradients(of_hs: Any, of_cs: Any) -> Any:
        before_h = ops.concatenate([h[None], hs[:-1]])
        before_c = ops.concatenate([c[None], cs[:-1]])

        def step(state: Any, now: Any) -> Any:
            (of_h, of_c, _), m, c = state, real[now], before_c[now]
            i, f, g, o = ops.split(activated[now], 4, axis=-1)
            squashed = ops.tanh(f * c + i * g)
            of_h, of_c = of_h + of_hs[now], of_c + of_cs[now]
            here_h = m * of_h
            here_c = m * of_c + here_h * o * (1 - squashed * squashed)
            gate = ops.concatenate(
                [
                    here_c * g * i * (1 - i),
                    here_c * c * f * (1 - f),
                    here_c * i * (1 - g * g),
                    here_h * squashed * o * (1 - o),
                ],
                axis=-1,
            )
            state = (of_h - here_h + backward(gate), of_c - m * of_c + here_c * f, gate)
            return state, state

        start = (ops.zeros_like(h), ops.zeros_like(c), nothing)
        (of_h, of_c, _), (_, _, of_gates) = ops.scan(step, start, steps, reverse=True)
        return of_gates, before_h, of_h, of_c

    return (hs, cs), gradients


def _activated(gates: Any) -> tuple[Any, Any, Any, Any]:
    i, f, g, o = ops.split(gates, 4, axis=-1)
    return ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)


def _product(values: Any, kernel: Any) -> Any:
    """Return [B, n] times [n, m], computed in the kernel's dtype, in the values' dtype."""
    return ops.cast(ops.matmul(ops.cast(values, kernel.dtype), kernel), values.dtype)


def _product_over_time(states: Any, gradients: Any, dtype: Any) -> Any:
    """Multiply states [T, B, n] by gradients [T, B, m] summed over T and B: [n, m], computed in `dtype`."""
    return ops.matmul(ops.cast(ops.transpose(_flat(states)), dtype), ops.cast(_flat(gradients), dtype))


def _flat(values: Any) -> Any:
    """Return [T, B, n] as [T * B, n]."""
    return ops.reshape(values, (-1, values.shape[-1]))


def _two(upstream: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return the two upstream gradients, passed as two arguments (TensorFlow) or a pair (JAX)."""
    return upstream if len(upstream) == 2 else upstream[0]
