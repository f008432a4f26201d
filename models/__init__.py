"""Clips in, clips out. Knows nothing of OSC, of the command line, of Live."""
