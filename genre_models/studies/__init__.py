"""What a sweep or an ablation found, computed from its trials."""
