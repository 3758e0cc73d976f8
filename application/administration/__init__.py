"""What administrators do: watch, clean up, back up."""
