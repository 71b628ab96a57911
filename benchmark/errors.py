"""What can go wrong on purpose: errors that a person can act on, printed as one line."""


class BenchmarkError(Exception):
    """Something cannot be done or must not be scored; the message names the file or the thing and what is allowed."""


class ConfigError(BenchmarkError):
    """A suite, a task, a setting or `config.yaml` asks for something that does not exist."""
