"""Definitions of services as data: which variables they fill, how to log in, what is allowed in them."""
