"""Routes of connections and of tables whose files stay where they are."""
