"""Code that declares a sample's design, by language."""
