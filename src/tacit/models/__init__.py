"""What the platform can learn."""
