"""Jobs: submission, queue, lists, publishing of results."""
