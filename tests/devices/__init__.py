"""Each device alone, with no machine around it."""
