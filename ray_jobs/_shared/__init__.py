"""What the jobs share: options, cluster, progress, trainer, predictions."""
