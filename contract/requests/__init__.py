"""The requests of the API, one class for each."""
