"""Options shared by the jobs: small dataclasses that a job's own options inherit."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from ray_jobs.cli.places import check_name

HOME = "~/film-genres"
"""Default folder of all outputs: never the checkout, nor a job's working directory."""


def at_home(*names: str) -> str:
    """Return a path below the home folder, `~` expanded."""
    return str(Path(HOME, *names).expanduser())


Metric = Literal["validation_loss", "validation_mean_average_precision"]


@dataclass(frozen=True)
class WorkerRange:
    """The fewest and the most training workers of a run; they differ where nodes come and go."""

    least: int
    most: int

    @classmethod
    def parse(cls, text: str | int) -> WorkerRange:
        """Read "4", or "1:4" for any number in between.

        Raises:
            ValueError: it is neither, or not in order.
        """
        found = re.fullmatch(r"\s*(\d{1,6})\s*(?::\s*(\d{1,6})\s*)?", str(text))
        least, most = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= least <= most:
            raise ValueError(f"--workers {text}: give a number from 1, or two as in 1:4, the fewest first")
        return cls(least, most)

    @property
    def is_elastic(self) -> bool:
        """Return whether the number may change during a run."""
        return self.least < self.most

    def __str__(self) -> str:
        return (
            f"{self.least} to {self.most} workers"
            if self.is_elastic
            else f"{self.most} worker{'' if self.most == 1 else 's'}"
        )


@dataclass(frozen=True)
class StoreAndRuns:
    """The film store and the runs folder of a job."""

    store: str = at_home("store")
    """Film store: a folder or a URI such as s3://bucket/store. If the default store is missing, it is made from the
    synthetic sample."""
    runs: str = at_home("runs")
    """Folder or URI of the runs, which every worker can write. evaluate.py compares the best of them."""
    metric: Metric = "validation_loss"
    """Metric that selects the best epoch of a run: cross-entropy or mean average precision on the validation films,
    computed the same way whatever the training loss."""


def devices_of(gpus: float) -> int:
    """Return the devices of a worker with these GPUs: one of a fraction, and its CPU without any."""
    return max(1, int(gpus))


@dataclass(frozen=True)
class Placement:
    """The devices that a job computes on."""

    use_gpu: bool = False
    """Compute on GPUs, one for each worker."""
    gpus_per_worker: float | None = None
    """GPUs of each worker, instead of one: a fraction such as 0.25 shares each GPU among workers or trials, a whole
    number gives a training worker several, over which it mirrors its model. Implies --use-gpu."""

    @property
    def gpus(self) -> float:
        """Return the GPUs of each worker; 0 without."""
        return float(self.use_gpu) if self.gpus_per_worker is None else self.gpus_per_worker

    @property
    def devices(self) -> int:
        """Return the devices that each worker computes on."""
        return devices_of(self.gpus)

    def require_one_gpu(self) -> None:
        """Raise ValueError if a worker that predicts is to have several GPUs."""
        if self.gpus > 1:
            raise ValueError(f"--gpus-per-worker {self.gpus:g}: a model predicts on one GPU; give 1, or a fraction")


@dataclass(frozen=True)
class Resumable:
    """The name of a job's folder below the runs folder, to resume it."""

    study: ClassVar[str] = "run"
    """Name of the job's result in messages."""

    name: str = ""
    """Name of the folder below --runs; by default the kind of model and the time."""
    resume: bool = False
    """Resume --name, with the same options: what has ended is kept, the rest continues from its last epoch. More
    --epochs, --trials, --seeds or components are allowed."""

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.resume and not self.name:
            raise ValueError(f"--resume needs the --name of the {self.study} to go on with")

    def require_at_least(self, least: int, *names: str) -> None:
        """Raise ValueError if one of these options is smaller than `least`."""
        for name in names:
            if getattr(self, name) < least:
                raise ValueError(f"--{name.replace('_', '-')} must be at least {least}, not {getattr(self, name)}")


@dataclass(frozen=True)
class TrainingOptions(Placement, Resumable, StoreAndRuns):
    """Options of every job that trains, in addition to the model's and the recipe's."""

    preset: str = "coursework"
    """Named settings (genre_models/presets/) to start from: "coursework" is the notebook's, "best" did best on real
    films, "pretrained" is a head on a pretrained encoder, "pretrained-small" on a smaller one, "finetuned" trains that
    encoder further (docs/pretrained.md)."""
    cpus_per_worker: float | None = None
    """CPUs that each worker reserves; by default 1, or slightly less if that would leave none to read films."""
    shuffle_buffer: int = 16_384
    """Films that each worker holds in memory to sample batches from; shuffling is complete if it holds all."""
    dashboard: bool = False
    """Start Ray's dashboard with Ray, for this machine alone, and print its address. A Ray that runs keeps its own."""
    track: Literal["none", "mlflow", "wandb"] = "none"
    """Tracker beside TensorBoard: options, metrics of every epoch and the best checkpoint of each run. "mlflow" writes
    to MLFLOW_TRACKING_URI or, without it, to mlflow.db in --runs; "wandb" logs in as `wandb login` left it. Each needs
    its extra."""


@dataclass(frozen=True)
class TrainOptions(TrainingOptions):
    """Options of a training job, in addition to the model's and the recipe's."""

    workers: str = "1"
    """Training workers (processes); with --use-gpu each uses one GPU. "1:4" goes on with fewer when nodes go, and takes
    new ones when they come, at the same --batch-size."""
    wait_for_nodes: float | None = None
    """Longest wait in minutes for nodes that are missing, at the start and after a loss. By default 20, but none at the
    start on a cluster that does not grow by itself."""
    steps_per_execution: int = 1
    """Steps that the device runs without returning to Python. Changes no metric, and saves time if a step takes less
    than about 10 ms. Helps only models that use posters alone: overviews vary in length from step to step."""
    cache_films: Literal["auto", "always", "never"] = "auto"
    """Keep the decoded training films in Ray's object store ("always"), or read them again in every epoch ("never").
    "auto" keeps them if they take at most --object-store-share of it."""
    object_store_share: float = 0.5
    """Largest share of Ray's object store that the training films may take to be kept there."""
    read_ahead: bool = True
    """Start reading an epoch's films while the previous epoch trains on its last window and is validated. The worker
    then holds up to two windows of films."""
    init_from: str = ""
    """Run or checkpoint, of the same model on the same films, that provides the initial weights. With
    --trainable-blocks it may have a frozen encoder: the encoder is frozen first, and fine-tuned afterwards."""
    config: str = ""
    """YAML file with settings of the recipe and the model, such as the best_config.yaml of a sweep. It overrides
    --preset, and the command line overrides both."""
    timing: bool = False
    """Report where the time goes between the command and the first training step, and between epochs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.worker_range  # noqa: B018  (raises ValueError)
        self.require_at_least(1, "steps_per_execution")

    @property
    def worker_range(self) -> WorkerRange:
        """Return the fewest and the most workers."""
        return WorkerRange.parse(self.workers)


@dataclass(frozen=True)
class TrialsOptions(TrainingOptions):
    """Options of a job that trains many trials."""

    max_concurrent: int = 0
    """Maximum number of trials that train at the same time; 0 is as many as the cluster has room for."""
    time_budget: float | None = None
    """Minutes after which this launch ends; the results so far are written, and --resume continues."""


@dataclass(frozen=True)
class TuneOptions(TrialsOptions):
    """Options of a sweep, in addition to the model's and the recipe's. Those that are not searched keep their values
    in every trial; trial 1 uses all of them."""

    study: ClassVar[str] = "sweep"

    trials: int = 24
    """Number of settings to try, including the starting point (by default the coursework's)."""
    workers_per_trial: int = 1
    """Training workers of each trial: 1 trains in the trial's own process, more make each trial a Ray Train run."""
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

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_at_least(1, "trials", "workers_per_trial")
        self.require_at_least(2, "reduction_factor")


@dataclass(frozen=True)
class AblateOptions(TrialsOptions):
    """Options of an ablation study."""

    study: ClassVar[str] = "ablation"

    model: Literal["cnn", "lstm", "fusion"] = "lstm"
    """Kind of model."""
    preset: str = "best"
    """Named settings (genre_models/presets/) to ablate component by component and to compare with the coursework's."""
    metric: Metric = "validation_mean_average_precision"
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
    resamples: int = 1000
    """Bootstrap resamples for each confidence interval."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_at_least(1, "seeds")


def timestamp() -> str:
    """Return the local time, to the second, for use in a file name."""
    return time.strftime("%Y%m%d-%H%M%S")
