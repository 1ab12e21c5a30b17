"""Loading of a predictor from a path: a checkpoint, a run, a runs folder, or a model folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets.storage import files
from genre_models import checkpoint as checkpoints
from genre_models.checkpoint import CheckpointError
from genre_models.metrics.baselines import TfidfBaseline
from genre_models.predictors import folder as model_folders
from genre_models.predictors.ensemble import EnsemblePredictor, MeanPredictor
from genre_models.predictors.find import find_model
from genre_models.predictors.folder import ModelFolder
from genre_models.predictors.network import NetworkPredictor, network_info
from genre_models.predictors.predictor import ModelInfo, Predictor, combined_info
from genre_models.predictors.tfidf import TfidfPredictor, read_weights, tfidf_info


def load_predictor(*paths: str | Path, metric: str = "", **network: Any) -> Predictor:
    """Load the model at a path, or the mean of the probabilities of several.

    Args:
        paths: local paths or URIs, see `find.find_model`.
        metric: selects a run's best checkpoint.
        network: options of `network.NetworkPredictor`, for every network in it.

    Raises:
        CheckpointError: there is no model, or it cannot be loaded; the message says why.
    """
    loaded = []
    for path in paths:
        with files.local_copy(find_model(str(path), metric=metric)) as folder:
            loaded.append(load_folder(folder, **network))
    if len(loaded) == 1:
        return loaded[0]
    return MeanPredictor(loaded, mean_info([one.info for one in loaded]))


def read_info(*paths: str | Path, metric: str = "") -> ModelInfo:
    """Read the description of the model that `load_predictor` would load, without weights and without TensorFlow.

    Raises:
        CheckpointError: as there, for all but the weights.
    """
    infos = []
    for path in paths:
        with files.local_copy(find_model(str(path), metric=metric)) as folder:
            infos.append(folder_info(folder))
    return infos[0] if len(infos) == 1 else mean_info(infos)


def mean_info(infos: Sequence[ModelInfo]) -> ModelInfo:
    """Describe the mean of several models.

    Raises:
        CheckpointError: they have different genres.
    """
    if not infos:
        raise ValueError("give the path of a model")
    try:
        # The mean of their thresholds: none were tuned for this combination.
        thresholds = np.mean([info.thresholds for info in infos], axis=0)
        return combined_info(f"mean of {len(infos)} models", thresholds, infos)
    except ValueError as error:
        raise CheckpointError(str(error)) from None


def folder_info(folder: Path) -> ModelInfo:
    """Read the description of the checkpoint or model folder in a local folder."""
    if not (folder / model_folders.MODEL_FILE).is_file():
        return network_info(checkpoints.read(folder))
    return _info(folder, model_folders.read_model_json(folder))


def _info(folder: Path, description: ModelFolder) -> ModelInfo:
    if description.members is None:
        return tfidf_info(description.label, description.genres, description.thresholds)
    try:
        members = [folder_info(folder / place) for place in description.members.values()]
        return combined_info(description.label, description.thresholds, members)
    except ValueError as error:
        raise CheckpointError(f"{folder} is not a whole model of film-genres ({error})") from error


def load_folder(folder: Path, *, encoders: Path | None = None, **network: Any) -> Predictor:
    """Load the checkpoint or model folder in a local folder, members included.

    Args:
        folder: the checkpoint or model folder.
        encoders: the model folder that it is a member of.
        network: options of `network.NetworkPredictor`.

    Raises:
        CheckpointError: it is neither, or not a whole one.
    """
    if not (folder / model_folders.MODEL_FILE).is_file():
        return NetworkPredictor(folder, encoders=encoders, **network)
    description = model_folders.read_model_json(folder)
    info = _info(folder, description)
    if description.members is None:
        try:
            return TfidfPredictor(TfidfBaseline.from_weights(read_weights(folder)), info, scaling=description.scaling)
        except (OSError, KeyError, ValueError) as error:
            raise CheckpointError(f"{folder} is not a whole model of film-genres ({error})") from error
    encoders = encoders or folder
    members = {
        key: load_folder(folder / place, encoders=encoders, **network) for key, place in description.members.items()
    }
    if description.stacking is None:
        return MeanPredictor(list(members.values()), info, scaling=description.scaling)
    return EnsemblePredictor(members, description.stacking, info, scaling=description.scaling)
