"""How an oracle finds architectures, and how it survives kills."""
