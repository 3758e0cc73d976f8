"""Commands for connections and attached tables."""
