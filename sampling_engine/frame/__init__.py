"""Facts of the rows that a round can draw: exact sums by group and domain, and histograms."""
