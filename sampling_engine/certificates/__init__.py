"""What a certificate states of a finished draw, and the data from which it is drawn again."""
