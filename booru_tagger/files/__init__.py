"""Files: read safely, changed in one step, locked between processes, and told from what they were."""
