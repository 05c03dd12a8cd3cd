"""The proof that the data space holds all, and the seal that says so."""
