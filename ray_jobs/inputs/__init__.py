"""From the store to workers: features extracted, films cached and sharded."""
