"""The engine for one machine: a folder of logs, one JSONL file for each session."""
