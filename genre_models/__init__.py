"""The models, the training loop, the checkpoint, and how models are judged and reported."""
