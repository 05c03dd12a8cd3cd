"""Pure: project files, site files, workflows and names."""
