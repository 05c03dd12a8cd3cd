"""Pure decisions: what a change means, how things are named, what is too risky to do unasked."""
