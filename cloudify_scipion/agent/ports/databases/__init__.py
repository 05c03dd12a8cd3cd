"""SQLite databases that others may be writing to, and the files that SQLite keeps beside them."""
