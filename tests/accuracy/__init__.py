"""How often each facet is right, and what the alternatives reach on the same mails."""
