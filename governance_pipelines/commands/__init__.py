"""What each command does; its words are in `cli.py`. Every `run…` returns the exit code."""
