"""The trash in the data space."""
