"""What a FakeDify answers, by subject. Each module lists its routes for either API, and those of both."""
