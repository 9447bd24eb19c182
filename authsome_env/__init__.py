"""Log in once per account; hand programs short-lived credentials as environment variables."""

__version__ = "0.1.0"
