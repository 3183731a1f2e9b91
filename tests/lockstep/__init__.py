"""Random programs, run by Spike and by the compiled engine, and compared after every few instructions."""
