"""The poster model that did best on real films, from these films alone.

    python ray_jobs/train_cnn.py --preset best --metric validation_mean_average_precision

@@
"""

from genre_models.poster_cnn import PosterCNN
from genre_models.recipe import Recipe

RECIPE = Recipe(
    epochs=30,
    learning_rate=2e-3,
    schedule="cosine",
    warmup_epochs=2,
    weight_decay=0.05,
    ema=0.99,
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
    start_at_prior=True,
)
