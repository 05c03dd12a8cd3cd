"""Pure: what people already have (exports, templates, Scipion project folders) becomes a project document."""
