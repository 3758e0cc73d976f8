"""The review of a sample by people: questions, a blind queue, answers and reviewers."""
