"""`python -m mailtriage` is the mailtriage command."""

from mailtriage.cli import main

main()
