"""The best overview model on real films without pretraining.

    python ray_jobs/train_lstm.py --preset best --metric validation_mean_average_precision

Stemmed words, embeddings initialised by SVD, word dropout, one small LSTM with pooling over all words, summed word
embeddings and bag-of-words logits; a moving average of the weights at a constant learning rate. On 4,811 real films
(962 test films), mean of 3 seeds: mean average precision .412 (.406 to .420), tuned micro-F1 .588, macro-F1 .414, loss
.191; the mean prediction of the three runs .422, .597, .427, .186. 15 epochs take 2 to 3 min on one core
(docs/results.md).
"""

from genre_models.models.overview_lstm import OverviewLSTM
from genre_models.training.recipe import Recipe

RECIPE = Recipe(
    epochs=15,
    batch_size=32,
    learning_rate=2e-3,
    schedule="constant",
    warmup_epochs=1,
    weight_decay=0.05,
    label_smoothing=0.02,
    ema_decay=0.995,
)
MODEL = OverviewLSTM(
    tokenizer="stems",
    min_count=2,
    max_tokens=128,
    embedding_units=128,
    embedding_init="svd",
    word_dropout=0.4,
    embedding_dropout=0.3,
    first_lstm_units=96,
    second_lstm_units=0,
    lstm_dropout=0.0,
    recurrent_dropout=0.0,
    pooling="all",
    bow_embedding=True,
    bow_logits=True,
    dense_units=0,
    dense_dropout=0.5,
    init_bias_from_prior=True,
)
