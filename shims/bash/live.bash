# The live environment of `bash -c`.
