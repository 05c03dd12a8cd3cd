"""Pure: a project and a site become a blueprint folder. Jinja2 is used here only."""
