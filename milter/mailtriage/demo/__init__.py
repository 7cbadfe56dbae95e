"""The demonstration: sample mails, and the embedded mail system that they go through."""
