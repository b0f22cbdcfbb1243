"""What the paper claims, what a run says of it, and how a verdict comes about."""
