"""What people type after a command: arguments, options, and the filters that they make."""
