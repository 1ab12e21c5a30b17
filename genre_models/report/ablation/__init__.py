"""Report page of an ablation."""
