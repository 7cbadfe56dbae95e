"""The knowledge base: documents in, one index file out, and the paragraph that answers a mail.

`ingest*` read what the organisation has written, `identity` and `fragments` say how each section is
named and linked to, `index_build` and `index_file` make one file of it, `search` finds in it. Only
`search` and `rules` are asked while a mail waits; they read no file and no network.
"""
