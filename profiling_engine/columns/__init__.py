"""The profile of one column."""
