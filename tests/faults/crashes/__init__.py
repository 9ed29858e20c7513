"""Crashes at any call: storages that die or fail, and every disk a power cut may leave."""
