"""Training, and the folder of a run that survives a kill."""
