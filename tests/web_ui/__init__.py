"""Pages over HTTP, where no script is involved."""
