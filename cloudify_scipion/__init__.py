"""cloudify-scipion: from a project file to a Scipion desktop, through Cloudify."""

__version__ = "0.1.0"
