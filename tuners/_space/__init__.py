"""What can be chosen, and what a choice costs."""
