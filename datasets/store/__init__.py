"""The film store: Parquet files of films, prepared and split once for all jobs."""
