"""Every page of the four services with sample contexts."""
