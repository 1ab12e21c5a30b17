"""The joint model of poster and overview that did best on real films, from these films alone.

    python ray_jobs/train_fusion.py --preset best --metric validation_mean_average_precision

Branches like the two best presets, met in a gated multimodal unit. On 4,811 real films (962 test films), mean of 3
seeds: mean average precision .416 (.411 to .419), tuned micro-F1 .595, macro-F1 .411, loss .190; the mean of the three
runs .429, .601, .427 and .183. 20 epochs take about 11 min on 2 cores that have other work to do as well
(docs/results.md).
"""

from genre_models.fusion_gmu import FusionGMU
from genre_models.recipe import Recipe

RECIPE = Recipe(
    epochs=20,
    batch_size=32,
    learning_rate=2e-3,
    schedule="constant",
    weight_decay=0.05,
    label_smoothing=0.02,
    ema=0.995,
)
MODEL = FusionGMU(
    tokenizer="stems",
    embedding_start="svd",
    word_bag=True,
    word_votes=True,
)
