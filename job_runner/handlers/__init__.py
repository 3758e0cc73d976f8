"""What a job of each run type does."""
