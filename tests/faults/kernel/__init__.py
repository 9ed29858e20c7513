"""Faults that the operating system makes for real: full disks, cut power, tampered calls."""
