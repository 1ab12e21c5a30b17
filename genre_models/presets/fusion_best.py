"""The joint model of poster and overview that did best on real films, from these films alone.

    python ray_jobs/train_fusion.py --preset best --metric validation_mean_average_precision

@@
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
