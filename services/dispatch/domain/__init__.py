"""The rules of dispatch: pure values and functions."""
