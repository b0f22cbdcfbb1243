"""Networks as data. What they consist of needs no torch, so that planning is quick; what they
compute does."""
