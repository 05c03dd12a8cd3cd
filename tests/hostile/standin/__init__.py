"""A stand-in for OneData's `oneclient`: its command line, over a plain folder. No part of OneData.

Imports only itself, the standard library and mfusepy, so that it can be packed into one file and run on a machine.
"""
