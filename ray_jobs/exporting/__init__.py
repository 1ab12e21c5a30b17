"""Export of a trained model: written, compared with the model by its own runtime, and described."""
