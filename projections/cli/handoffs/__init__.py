"""What `journal handoffs` shows: audits of many sessions, tables and findings. `lanes` draws."""
