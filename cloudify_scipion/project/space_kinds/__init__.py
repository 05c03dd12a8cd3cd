"""Pure: what site and project files may say of each kind of data space; `project/spaces.py` has the table of them."""
