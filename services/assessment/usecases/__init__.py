"""What assessment does: follow cases, score them, answer for the result."""
