"""The desktop's helper: letters of all keyboards, and windows that fit the screen."""
