"""From exports of Scipion to the software of a project file."""
