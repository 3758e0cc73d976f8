"""Charts and reports as SVG and HTML."""
