"""The first copy and the looks for what is new: the parts of a pull or scan."""
