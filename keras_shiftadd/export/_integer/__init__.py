"""Int8 networks as data, and what they compute: the specification of docs/integer_ops.md."""
