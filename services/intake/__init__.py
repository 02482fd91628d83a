"""Intake: complaints as the complainant sees them."""
