"""What kind of service a provider is: a closed list, in the order in which `provider list` groups them."""

from __future__ import annotations

KINDS = {
    "ai": "AI models and tools",
    "search": "Search and web pages",
    "code": "Code, builds and packages",
    "cloud": "Cloud and hosting",
    "monitoring": "Monitoring and analytics",
    "messaging": "Chat, mail and phone",
    "work": "Documents, tasks and calendars",
    "sales": "Sales, marketing and support",
    "commerce": "Payments and shops",
    "social": "Social networks and media",
    "identity": "Identities and accounts",
    "other": "Others",
}
"""Value of `kind` to its heading."""

ALSO = {"ai": ("llm", "model"), "messaging": ("email", "e-mail")}
"""What people look for when they mean a kind, and do not find in its heading."""

OTHER = "other"
"""What a definition without `kind` counts as."""
