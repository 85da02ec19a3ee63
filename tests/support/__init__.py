"""What test modules import from each other."""
