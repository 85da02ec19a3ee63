"""Qt-free application state: what the person chose, and what the run said."""
