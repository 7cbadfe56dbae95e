"""mailtriage: an inline SMTP milter that tags customer-service mail at delivery time."""

__version__ = "0.1.0"
