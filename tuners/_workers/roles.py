"""Which part a process plays, as KerasTuner's environment variables say."""

import os

ORACLE_IP = "KERASTUNER_ORACLE_IP"
ORACLE_PORT = "KERASTUNER_ORACLE_PORT"
TUNER_ID = "KERASTUNER_TUNER_ID"


def is_distributed() -> bool:
    """Whether there is a chief."""
    return ORACLE_IP in os.environ


def is_chief() -> bool:
    """Whether this process is the chief."""
    return is_distributed() and "chief" in os.environ.get(TUNER_ID, "")


def is_worker() -> bool:
    """Whether this process asks a chief for trials."""
    return is_distributed() and not is_chief()
