"""How large the network of feel is."""

AROUND = 128  # what is said of a hit and of what lies around it
HEARD = 96  # what is heard of one hit that was played
DEEP = 160
STATE = 160  # of the recurrent layer
FEEL = 16  # numbers of a feel
TOLD = 32  # of an offset, when it is told to the velocities
