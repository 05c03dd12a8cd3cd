"""Use cases over small ports: no Cloudify, no clients."""
