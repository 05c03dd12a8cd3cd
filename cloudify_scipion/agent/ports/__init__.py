"""What touches the world: folders, the index, the clock."""
