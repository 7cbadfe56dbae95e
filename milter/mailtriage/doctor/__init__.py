"""mailtriage doctor: what is wrong with the live set-up, why it matters, and what mends it.

`collect` looks at the machine and changes nothing; each check is a function from what was seen to
findings, one file an area; `checks` has all of them.
"""
