"""How a version reaches users, and how it leaves them again."""
