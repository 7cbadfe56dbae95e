"""mailtriage: an inline SMTP milter that tags customer-service mail at delivery time."""

import os

__version__ = "0.1.0"

# Before anything imports NumPy: its linear algebra would start a thread a core in the supervisor,
# which forks. What is computed here is too small for more than one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
