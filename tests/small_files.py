"""A disk that is full, for tests: the system refuses to let files grow."""

import contextlib
import resource


@contextlib.contextmanager
def files_no_larger_than(size):
    """No file of this process can be written beyond ``size`` bytes; the error is "File too large"."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
