"""Tasks of administrators: activity, clean-up, backup."""
