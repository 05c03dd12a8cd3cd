"""Thin Cloudify operations, one module per node type."""
