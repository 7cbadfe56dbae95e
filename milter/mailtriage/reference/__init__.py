"""Man pages and JSON Schemas, written from what the program itself goes by.

`python -m mailtriage.reference` writes man/ and config/schema/ of a source checkout. The sources:
the click commands (`--help`), config/mailtriage.toml with the readers of `config`,
docs/policies.md, and the words that the readers of policies and profiles know. Tests hold the files
to all of these.
"""
