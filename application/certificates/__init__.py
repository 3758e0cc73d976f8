"""The ledger of a dataset, pre-registered plans, and certificates of samples."""
