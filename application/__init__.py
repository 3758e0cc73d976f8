"""Use cases that the API, the pages and the commands share."""
