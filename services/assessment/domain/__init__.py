"""The rules of assessment: pure values and functions."""
