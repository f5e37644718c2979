"""Parts of `HybridTuner`."""
