"""Server-rendered pages for a browser; they work offline."""
