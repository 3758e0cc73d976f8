"""What the footer of a Parquet file states: its masks, its checks, and errors of damaged files."""
