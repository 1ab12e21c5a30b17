"""The runs folder: files of runs and studies, and finding them again."""
