"""Options that jobs share."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HOME = "~/film-genres"
"""Where everything goes that was not given a place: never the checkout, nor a job's working directory."""


def at_home(*names: str) -> str:
    """Return a path below the home folder, `~` expanded."""
    return str(Path(HOME, *names).expanduser())


Metric = Literal["validation_loss", "validation_mean_average_precision"]


@dataclass(frozen=True)
class TrainOptions:
    """Options of a training job; the model's and the recipe's own options come beside these."""

    store: str = at_home("store")
    """The film store to train on: a folder or a URI such as s3://bucket/store. The default one is made of the drawn
    sample where it is missing."""
    runs: str = at_home("runs")
    """Where runs are kept: a folder or URI that every worker can write to."""
    name: str = ""
    """The run's name below --runs; by default the model and the time."""
    workers: int = 1
    """Training workers (processes); with --use-gpu each has one GPU."""
    use_gpu: bool = False
    """Train on GPUs, one for each worker."""
    cpus_per_worker: float | None = None
    """CPUs that each worker reserves; by default 1, or a little less where that would leave none to read films."""
    steps_per_execution: int = 1
    """Steps that the device takes by itself before Python looks; changes no figure, and pays where a step takes less
    than some 10 ms. Serves models that see posters alone: overviews change their length from step to step."""
    resume: bool = False
    """Go on with the run --name from its last epoch, with the same options (more --epochs are fine)."""
    shuffle_buffer: int = 16_384
    """Films each worker holds in memory to draw its batches from; where they are all, shuffling is complete."""
    cache_films: Literal["auto", "always", "never"] = "auto"
    """Training films are kept decoded in Ray's object store ("always"), or read again in every epoch ("never"). "auto"
    keeps them if they take at most --object-store-share of it."""
    object_store_share: float = 0.5
    """Most of Ray's object store that the training films may take to be kept there."""
    read_ahead: bool = True
    """Begin to read an epoch's films while the epoch before trains on its last window and is validated; the worker then
    holds up to two windows of films."""
    metric: Metric = "validation_loss"
    """What makes an epoch the best, whose checkpoint is kept."""
    init_from: str = ""
    """A run, or a checkpoint, of the same model on the same films, whose weights this one begins with. With
    --trainable-blocks one on the frozen encoder will do: then it is frozen first, and fine-tuned after."""
    preset: str = "coursework"
    """Settings with a name (genre_models/presets/): "coursework" is the notebook's, "best" what did best on real films,
    "pretrained" a head on a pretrained encoder, "finetuned" that encoder trained further (docs/pretrained.md).
    What --config or the command line says goes before it."""
    config: str = ""
    """YAML file with settings of the recipe and the model, such as the best_config.yaml of a sweep; what is given on
    the command line goes before it."""
    timing: bool = False
    """Say where the time went from the command to the first training step, and from each epoch to the next."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"--workers must be at least 1, not {self.workers}")
        if self.steps_per_execution < 1:
            raise ValueError(f"--steps-per-execution must be at least 1, not {self.steps_per_execution}")
        if self.resume and not self.name:
            raise ValueError("--resume needs the --name of the run to go on with")


@dataclass(frozen=True)
class TuneOptions:
    """Options of a sweep. The model's and the recipe's own options come beside these: what is not searched stands at
    them in every trial, and trial 1 is all of them."""

    store: str = at_home("store")
    """The film store to train on, shared by all trials. The default one is made of the synthetic sample where it is
    missing."""
    runs: str = at_home("runs")
    """Where runs are kept: a folder or URI that every trial can write to. evaluate.py finds the best trial there."""
    name: str = ""
    """The sweep's name below --runs; by default the model and the time."""
    preset: str = "coursework"
    """Settings with a name (genre_models/presets/) to start from: they are trial 1."""
    trials: int = 24
    """Settings to try, the starting point (the coursework's) included."""
    workers_per_trial: int = 1
    """Training workers of each trial: 1 trains in the trial's own process, more are a Ray Train run each."""
    cpus_per_worker: float | None = None
    """CPUs that each worker reserves and computes on; by default 1, or a little less where workers would take all."""
    max_concurrent: int = 0
    """Most trials at the same time; 0 is as many as the cluster has room for."""
    use_gpu: bool = False
    """Train on GPUs, one for each worker."""
    metric: Metric = "validation_loss"
    """What trials are compared by, each at its best epoch: plain cross-entropy or mean average precision on the
    validation films, measured alike whatever a trial's own training loss."""
    scheduler: Literal["asha", "none"] = "asha"
    """"asha" stops weaker trials early (asynchronous successive halving over epochs), "none" runs all of them whole."""
    grace_epochs: int = 0
    """Epochs that every trial gets before it may be stopped; 0 is a twentieth of --epochs."""
    reduction_factor: int = 4
    """At 1, 4, 16, … times the grace epochs only the best 1 in so many trials goes on. Trial 1 is never stopped."""
    search: Literal["random", "optuna"] = "random"
    """"random" draws settings independently; "optuna" learns from the trials so far (TPE; needs the extra `optuna`)."""
    space: str = ""
    """YAML file that overrides the model's search space, a setting a line (docs/tuning.md)."""
    vary: tuple[str, ...] = ()
    """Overrides of single settings, each a line of such a file: "batch_size: [32, 64]" "dense_dropout: 0.4"."""
    time_budget: float | None = None
    """Minutes after which this launch ends; trials under way then go on with --resume."""
    resume: bool = False
    """Go on with the sweep --name: ended trials are kept, others go on from their last epoch (more --trials are
    fine)."""
    shuffle_buffer: int = 16_384
    """Films each worker holds in memory to draw its batches from; where they are all, shuffling is complete."""

    def __post_init__(self) -> None:
        for name in ("trials", "workers_per_trial"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} must be at least 1, not {getattr(self, name)}")
        if self.reduction_factor < 2:
            raise ValueError(f"--reduction-factor must be at least 2, not {self.reduction_factor}")
        if self.resume and not self.name:
            raise ValueError("--resume needs the --name of the sweep to go on with")


@dataclass(frozen=True)
class AblateOptions:
    """Options of an ablation."""

    model: Literal["cnn", "lstm", "fusion"] = "lstm"
    """The kind of model."""
    preset: str = "best"
    """Settings with a name (genre_models/presets/) that are taken apart, component by component, and compared with the
    coursework's."""
    seeds: int = 3
    """Trainings of each variant; the first seed of all variants comes before the second of any."""
    components: str = ""
    """YAML file with components of your own instead of those in genre_models/studies/ablation_components.py
    (docs/tuning.md)."""
    only: tuple[str, ...] = ()
    """Names of the components to look at; all of them otherwise."""
    on_baseline: bool = False
    """Also train the coursework with each component alone."""
    set: tuple[str, ...] = ()
    """Options of recipe and model that preset and coursework have otherwise than they say: "epochs: 10" "width: 96"."""
    store: str = at_home("store")
    """The film store to train on and, its test films, to evaluate on. The default one is made of the synthetic sample
    where it is missing."""
    runs: str = at_home("runs")
    """Where runs are kept: a folder or URI that every training can write to. evaluate.py finds the ablation there."""
    name: str = ""
    """The ablation's name below --runs; by default the model and the time."""
    metric: Metric = "validation_mean_average_precision"
    """What makes an epoch a training's best, which is the one evaluated."""
    cpus_per_worker: float | None = None
    """CPUs that each training reserves and computes on; by default 1, or a little less where that would leave none."""
    max_concurrent: int = 0
    """Most trainings at the same time; 0 is as many as the cluster has room for."""
    use_gpu: bool = False
    """Train on GPUs, one for each training."""
    time_budget: float | None = None
    """Minutes after which this launch ends; what it found until then is written, and --resume goes on."""
    resume: bool = False
    """Go on with the ablation --name: ended trainings are kept, others go on from their last epoch (more --seeds and
    other components are fine)."""
    resamples: int = 1000
    """Bootstrap resamples behind each interval."""
    shuffle_buffer: int = 16_384
    """Films each training holds in memory to draw its batches from; where they are all, shuffling is complete."""

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ValueError(f"--seeds must be at least 1, not {self.seeds}")
        if self.resume and not self.name:
            raise ValueError("--resume needs the --name of the ablation to go on with")


def timestamp() -> str:
    """Return the local time as part of a file name, to the second."""
    return time.strftime("%Y%m%d-%H%M%S")
