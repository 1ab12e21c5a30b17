"""The overview model that did best on real films, from these films alone.

    python ray_jobs/train_lstm.py --preset best --metric validation_mean_average_precision

Words less their endings, word vectors that start from which words share overviews, words dropped whole, one small LSTM
pooled over all its words, and the words' vectors beside it. On 4,811 real films (962 test films), mean of 3 seeds: mean
average precision .393 (.386 to .399), tuned micro-F1 .577, macro-F1 .385, loss .191; the mean of the three runs .405,
.582, .398 and .186. 15 epochs take 2 min on 2 cores (docs/results.md).
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
