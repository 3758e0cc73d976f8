"""Commands that run the server: in the foreground, or as a service of the user."""
