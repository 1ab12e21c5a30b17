"""Film data, from raw files to batches, without TensorFlow or Keras."""
