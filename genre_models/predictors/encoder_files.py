"""Files of frozen encoders in a model folder, so that none need be installed.

encoders/NAME-SHA256/       the encoder's files: its weights and, of one in a folder, config.json, tokenizer.json and
                            the like. SHA256 are the first 12 digits of the weights' digest.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from genre_models.encoders.registry import encoder_of
from genre_models.models.input_spec import InputEncoder, InputSpec

ENCODERS = "encoders"


def copy_encoders(inputs: InputSpec, folder: Path) -> None:
    """Copy the files of a model's frozen encoders into a model folder; each once.

    Networks whose weights Keras fetches have no file, and are left out.

    Raises:
        FileNotFoundError: an encoder is not installed.
    """
    for one in inputs.frozen:
        assert one.encoder is not None
        target = folder / ENCODERS / _name(one.encoder)
        backbone, encoder = one.encoder.backbone, encoder_of(one.encoder.backbone.name)
        if target.exists():
            continue
        if encoder.digest_needs_keras and not backbone.weights:
            continue
        files = encoder.files(backbone.path)
        target.mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, target / file.name)


def with_copied_weights(encoder: InputEncoder, folder: Path | None) -> InputEncoder:
    """Return an encoder that reads its files in a model folder, if they are there."""
    place = folder / ENCODERS / _name(encoder) if folder else None
    if place is None or not place.is_dir():
        return encoder
    in_folder = encoder_of(encoder.backbone.name).in_folder
    weights = place if in_folder else next(file for file in sorted(place.iterdir()) if file.is_file())
    return replace(encoder, backbone=replace(encoder.backbone, weights=str(weights)))


def _name(encoder: InputEncoder) -> str:
    return f"{encoder.backbone.name}-{encoder.digest[:12]}"
