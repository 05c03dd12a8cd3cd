"""What the desktop shows of the agent that saves the user's data, and how it hands on the user's answers."""
