"""The storefront: web pages on which a visitor says what they like and sees what follows, and why."""
