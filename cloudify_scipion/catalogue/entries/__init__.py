"""What is known: software in versions, read from the catalogue's files."""
