"""The joint model of poster and overview that did best on real films, from these films alone.

    python ray_jobs/train_fusion.py --preset best --metric validation_mean_average_precision

Branches like the two best presets, met in a gated multimodal unit. Not yet measured on test films; a near relative with
word vectors that start at random, reached a validation mean average precision of .418 in 10 epochs (docs/fusion.md).
20 epochs take about 15 min on 2 cores that have other work to do as well.
"""

from genre_models.fusion_gmu import FusionGMU
from genre_models.recipe import Recipe

RECIPE = Recipe(
    epochs=20,
    batch_size=32,
    learning_rate=2e-3,
    schedule="cosine",
    weight_decay=0.05,
)
MODEL = FusionGMU(
    tokenizer="stems",
    embedding_start="svd",
    word_bag=True,
)
