"""The best poster model on real films without pretraining.

    python ray_jobs/train_cnn.py --preset best --metric validation_mean_average_precision

Residual blocks with batch normalisation and mean pooling, augmentation, and a moving average of the weights. On 4,811
real films (962 test films), mean of 3 seeds: mean average precision .227 (.225 to .229), tuned micro-F1 .481, macro-F1
.241, loss .222; the mean prediction of the three runs .236, .487, .245, .218, at epochs 27, 30 and 30 of 40. 40 epochs
take 17 min on one core (docs/results.md).
"""

from genre_models.models.poster_cnn import PosterCNN
from genre_models.training.recipe import Recipe

RECIPE = Recipe(
    epochs=40,
    learning_rate=2e-3,
    schedule="cosine",
    warmup_epochs=2,
    weight_decay=0.05,
    ema_decay=0.99,
)
MODEL = PosterCNN(
    augmentation=1.0,
    stem_filters=32,
    block_filters=(32, 64, 128, 256),
    residual=True,
    normalization="batch",
    conv_dropout=0.0,
    pooling="mean",
    dense_layers=0,
    dense_dropout=0.5,
    init_bias_from_prior=True,
)
