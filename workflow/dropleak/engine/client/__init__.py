"""What a client computes and shares, and its training."""
