"""The wide network around a tiny one, and how both are trained together."""
