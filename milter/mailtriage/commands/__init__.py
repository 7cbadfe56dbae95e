"""One module a subcommand; each has one function that does the work and returns the exit code."""
