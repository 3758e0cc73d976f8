"""The SQLite database: connections, migrations, named statements."""
