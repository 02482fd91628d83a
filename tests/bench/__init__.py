"""Measures this system and the limit of its parts side by side, in one run on one machine.

Only ratios carry over to another machine or hour, so every figure is printed with its limit.
"""
