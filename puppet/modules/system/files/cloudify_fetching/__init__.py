"""Programs that download, watched: what they wait for is said, and a mirror from which nothing comes is given up."""
