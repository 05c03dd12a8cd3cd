"""The manifest: what the data space holds, and what it cannot hold itself."""
