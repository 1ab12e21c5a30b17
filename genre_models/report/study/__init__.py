"""Page of a study, which is a sweep or an ablation."""
