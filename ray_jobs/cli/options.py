"""Options shared by the jobs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HOME = "~/film-genres"
"""Default folder of all outputs: never the checkout, nor a job's working directory."""


def at_home(*names: str) -> str:
    """Return a path below the home folder, `~` expanded."""
    return str(Path(HOME, *names).expanduser())


Metric = Literal["validation_loss", "validation_mean_average_precision"]


@dataclass(frozen=True)
class TrainOptions:
    """Options of a training job, in addition to the model's and the recipe's."""

    store: str = at_home("store")
    """Film store to train on: a folder or a URI such as s3://bucket/store. If the default store is missing, it is made
    from the synthetic sample."""
    runs: str = at_home("runs")
    """Folder or URI of the runs, writable by every worker."""
    name: str = ""
    """Name of the run below --runs; by default the model and the time."""
    workers: int = 1
    """Training workers (processes); with --use-gpu each uses one GPU."""
    use_gpu: bool = False
    """Train on GPUs, one for each worker."""
    cpus_per_worker: float | None = None
    """CPUs that each worker reserves; by default 1, or slightly less if that would leave none to read films."""
    steps_per_execution: int = 1
    """Steps that the device runs without returning to Python. Changes no metric, and saves time if a step takes less
    than about 10 ms. Helps only models that use posters alone: overviews vary in length from step to step."""
    resume: bool = False
    """Resume the run --name from its last epoch, with the same options (more --epochs are allowed)."""
    shuffle_buffer: int = 16_384
    """Films that each worker holds in memory to sample batches from; shuffling is complete if it holds all."""
    cache_films: Literal["auto", "always", "never"] = "auto"
    """Keep the decoded training films in Ray's object store ("always"), or read them again in every epoch ("never").
    "auto" keeps them if they take at most --object-store-share of it."""
    object_store_share: float = 0.5
    """Largest share of Ray's object store that the training films may take to be kept there."""
    read_ahead: bool = True
    """Start reading an epoch's films while the previous epoch trains on its last window and is validated. The worker
    then holds up to two windows of films."""
    metric: Metric = "validation_loss"
    """Metric that selects the best epoch, whose checkpoint is kept."""
    init_from: str = ""
    """Run or checkpoint, of the same model on the same films, that provides the initial weights. With
    --trainable-blocks it may have a frozen encoder: the encoder is frozen first, and fine-tuned afterwards."""
    preset: str = "coursework"
    """Named settings (genre_models/presets/): "coursework" is the notebook's, "best" did best on real films,
    "pretrained" is a head on a pretrained encoder, "finetuned" trains that encoder further (docs/pretrained.md).
    --config and the command line override it."""
    config: str = ""
    """YAML file with settings of the recipe and the model, such as the best_config.yaml of a sweep; the command line
    overrides it."""
    timing: bool = False
    """Report where the time goes between the command and the first training step, and between epochs."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"--workers must be at least 1, not {self.workers}")
        if self.steps_per_execution < 1:
            raise ValueError(f"--steps-per-execution must be at least 1, not {self.steps_per_execution}")
        if self.resume and not self.name:
            raise ValueError("--resume needs the --name of the run to go on with")


@dataclass(frozen=True)
class TuneOptions:
    """Options of a sweep, in addition to the model's and the recipe's. Those that are not searched keep their values
    in every trial; trial 1 uses all of them."""

    store: str = at_home("store")
    """Film store to train on, shared by all trials. If the default store is missing, it is made from the synthetic
    sample."""
    runs: str = at_home("runs")
    """Folder or URI of the runs, writable by every trial. evaluate.py finds the best trial there."""
    name: str = ""
    """Name of the sweep below --runs; by default the model and the time."""
    preset: str = "coursework"
    """Named settings (genre_models/presets/) to start from: they are trial 1."""
    trials: int = 24
    """Number of settings to try, including the starting point (by default the coursework's)."""
    workers_per_trial: int = 1
    """Training workers of each trial: 1 trains in the trial's own process, more make each trial a Ray Train run."""
    cpus_per_worker: float | None = None
    """CPUs that each worker reserves and computes on; by default 1, or slightly less if workers would take all."""
    max_concurrent: int = 0
    """Maximum number of concurrent trials; 0 is as many as the cluster has room for."""
    use_gpu: bool = False
    """Train on GPUs, one for each worker."""
    metric: Metric = "validation_loss"
    """Metric that trials are compared by, each at its best epoch: plain cross-entropy or mean average precision on the
    validation films, computed the same way whatever a trial's own training loss."""
    scheduler: Literal["asha", "none"] = "asha"
    """"asha" stops weaker trials early (asynchronous successive halving over epochs), "none" runs all to the end."""
    grace_epochs: int = 0
    """Epochs that every trial gets before it may be stopped; 0 is a twentieth of --epochs."""
    reduction_factor: int = 4
    """The best 1 in this many trials continues at 1, 4, 16, … times the grace epochs. Trial 1 is never stopped."""
    search: Literal["random", "optuna"] = "random"
    """"random" samples settings independently; "optuna" learns from the trials so far (TPE; needs extra `optuna`)."""
    space: str = ""
    """YAML file that overrides the model's search space, one setting per line (docs/tuning.md)."""
    vary: tuple[str, ...] = ()
    """Overrides of single settings, each a line of such a file: "batch_size: [32, 64]" "dense_dropout: 0.4"."""
    time_budget: float | None = None
    """Minutes after which this launch ends; --resume continues the unfinished trials."""
    resume: bool = False
    """Resume the sweep --name: ended trials are kept, others continue from their last epoch (more --trials are
    allowed)."""
    shuffle_buffer: int = 16_384
    """Films that each worker holds in memory to sample batches from; shuffling is complete if it holds all."""

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
    """Options of an ablation study."""

    model: Literal["cnn", "lstm", "fusion"] = "lstm"
    """Kind of model."""
    preset: str = "best"
    """Named settings (genre_models/presets/) to ablate component by component and to compare with the coursework's."""
    seeds: int = 3
    """Training runs of each variant; the first seed of all variants comes before the second of any."""
    components: str = ""
    """YAML file with components that replace those in genre_models/studies/ablation_components.py
    (docs/tuning.md)."""
    only: tuple[str, ...] = ()
    """Names of the components to ablate; by default all."""
    on_baseline: bool = False
    """Also train the coursework's settings with each component alone."""
    set: tuple[str, ...] = ()
    """Options of recipe and model that override both preset and coursework: "epochs: 10" "width: 96"."""
    store: str = at_home("store")
    """Film store to train on, and to evaluate on its test films. If the default store is missing, it is made from the
    synthetic sample."""
    runs: str = at_home("runs")
    """Folder or URI of the runs, writable by every training run. evaluate.py finds the ablation there."""
    name: str = ""
    """Name of the ablation below --runs; by default the model and the time."""
    metric: Metric = "validation_mean_average_precision"
    """Metric that selects the best epoch of each training run, which is evaluated."""
    cpus_per_worker: float | None = None
    """CPUs that each training run reserves and computes on; by default 1, or slightly less if that would leave none."""
    max_concurrent: int = 0
    """Maximum number of concurrent training runs; 0 is as many as the cluster has room for."""
    use_gpu: bool = False
    """Train on GPUs, one for each training run."""
    time_budget: float | None = None
    """Minutes after which this launch ends; the results so far are written, and --resume continues."""
    resume: bool = False
    """Resume the ablation --name: ended training runs are kept, others continue from their last epoch (more --seeds and
    other components are allowed)."""
    resamples: int = 1000
    """Bootstrap resamples for each confidence interval."""
    shuffle_buffer: int = 16_384
    """Films that each training run holds in memory to sample batches from; shuffling is complete if it holds all."""

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ValueError(f"--seeds must be at least 1, not {self.seeds}")
        if self.resume and not self.name:
            raise ValueError("--resume needs the --name of the ablation to go on with")


def timestamp() -> str:
    """Return the local time, to the second, for use in a file name."""
    return time.strftime("%Y%m%d-%H%M%S")
