// The live environment of Node programs.
