"""How each kind of data space comes onto the machine, a module for each (`space.py` has the table of them)."""
