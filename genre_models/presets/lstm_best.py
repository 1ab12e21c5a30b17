"""The overview model that did best on real films, from these films alone.

    python ray_jobs/train_lstm.py --preset best --metric validation_mean_average_precision

@@
"""

from genre_models.overview_lstm import OverviewLSTM
from genre_models.recipe import Recipe

RECIPE = Recipe(
    epochs=15,
    batch_size=32,
    learning_rate=2e-3,
    schedule="cosine",
    warmup_epochs=1,
    weight_decay=0.05,
)
MODEL = OverviewLSTM(
    tokenizer="stems",
    fewest_uses=2,
    max_tokens=128,
    embedding_units=128,
    embedding_start="svd",
    word_dropout=0.4,
    embedding_dropout=0.3,
    first_lstm_units=96,
    second_lstm_units=0,
    lstm_dropout=0.0,
    recurrent_dropout=0.0,
    pooling="all",
    word_bag=True,
    dense_units=0,
    dense_dropout=0.5,
    start_at_prior=True,
)
