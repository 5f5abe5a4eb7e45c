"""What is happening: what we measure of the platform, and where the measurements go."""
