"""The training loop and all a recipe switches on, the only room that imports TensorFlow."""
