"""Where films come from, without TensorFlow or Keras."""
