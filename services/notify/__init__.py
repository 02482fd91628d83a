"""Notify: tells units and the office what they must know, once."""
