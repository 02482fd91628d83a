"""Dispatch: directory, calendar, routing, assignments, clocks and answers."""
