"""Where films come from: how they are read, checked, split, stored and streamed. No TensorFlow here."""
