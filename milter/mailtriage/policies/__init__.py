"""Policy files: read, check and compile them, and find what they name in a mail.

Data comes from TOML (docs/policies.md). What follows from a hit is decided in `triage`.
"""
