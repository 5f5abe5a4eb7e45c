"""Every version ever trained: what it is, who signed it, what it is to users."""
