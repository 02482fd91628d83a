"""What intake does: register, import, follow what dispatch decides, show."""
