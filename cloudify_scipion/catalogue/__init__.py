"""Pure: the software that can be asked for, and what a request comes to."""
