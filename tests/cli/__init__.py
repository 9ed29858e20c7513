"""The command `journal`, in pipes and terminals."""
