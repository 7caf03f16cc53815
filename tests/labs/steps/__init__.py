"""The demo's steps. Each is a function (network, report): `tools/demo` runs all of them in one network, and each
*_lab.py of the same name runs one in a network of its own."""
