"""Triage to header edits: our vocabulary, forged-header stripping, one profile a helpdesk."""
