"""The lease: who may write to the data space."""
