"""Trained models as artefacts that run without this project: SavedModel, ONNX, LiteRT, Keras."""
