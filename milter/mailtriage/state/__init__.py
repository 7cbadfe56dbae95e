"""What is remembered between mails."""
