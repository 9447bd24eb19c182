# The live environment of Python programs.
