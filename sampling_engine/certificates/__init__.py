"""The statement of a finished draw, and the data from which it is drawn again."""
