"""What random histories are made of: one module for whoever acts in them, and one for what must hold."""
