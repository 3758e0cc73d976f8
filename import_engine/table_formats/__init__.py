"""Which files and rows a version of a Delta or Iceberg table has, by its metadata alone."""
