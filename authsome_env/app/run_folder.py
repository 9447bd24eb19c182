"""The names on which a run's keeper and the programs inside agree. As light as can be: git waits for it."""

VARIABLE = "AUTHSOME_RUN"
"""Names the run's folder, inside."""

CONNECTIONS = "connections"
"""The file that tells of them; see `telling`."""
VERSION = 1
"""Of its form."""

ASK = "ask"
"""The fifo by which a new token is asked for; see `hearing`."""
