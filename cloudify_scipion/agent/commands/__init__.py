"""What each command does, for `cli`."""
