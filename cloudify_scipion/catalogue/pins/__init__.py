"""The list of installed versions, `software.lock.json`: its text, and how it is read off a machine."""
