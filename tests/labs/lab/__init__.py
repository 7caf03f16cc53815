"""Network-namespace labs: real programs around the shipped binaries.

Python's standard library only, plus scapy and PyYAML from Debian. Run with /usr/bin/python3.
"""
