"""Thin Cloudify workflows."""
