"""Databases and what SQLite keeps beside them, saved and pulled as one thing."""
