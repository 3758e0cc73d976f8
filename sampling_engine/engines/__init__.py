"""The engines that read all rows of a table for a draw; methods don't know which one runs."""
