"""The tables of the index, a module for each subject."""
