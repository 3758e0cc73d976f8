"""The service of one process: its settings, its parts, and the tables that jobs and pages read."""
