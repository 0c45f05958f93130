"""Worker processes: one runs one instance of one version, and nothing else."""
