"""Who may call what. Everything here is pure: a text comes in, a value or a refusal goes out."""
