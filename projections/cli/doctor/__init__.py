"""What `journal doctor` prints, and what its options do: restoring, and listing secrets."""
