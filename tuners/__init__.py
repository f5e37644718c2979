"""Search of hybrid networks on KerasTuner. This version has no public name here yet."""
