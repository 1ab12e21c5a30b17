"""Training inputs: feature extraction, caching and sharding of films."""
