"""The training loop and all a recipe switches on, which imports TensorFlow."""
