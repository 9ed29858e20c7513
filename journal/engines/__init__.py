"""The engines: where logs are kept. Each meets `journal.backend.Backend`."""
