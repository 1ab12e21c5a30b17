"""Parquet shards, prepared and split once, read by every job."""
