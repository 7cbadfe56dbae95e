"""Acknowledgements: whether a mail may be answered, what the answer says, and how it looks.

Pure: nothing here opens a socket, writes a file or asks for the time. The doors use it to say in
X-Mailtriage-Ack what will happen; the desk to do it.
"""
