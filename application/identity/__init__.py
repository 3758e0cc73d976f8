"""The identity of samples and saved queries: bin, search, rows and newer versions."""
