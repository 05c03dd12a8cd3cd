"""The works: pull, scan, push, verify, seal."""
