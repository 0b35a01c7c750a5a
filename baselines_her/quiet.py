"""Silences libraries that print messages when they are imported."""

import contextlib
import os
import sys
import tempfile


@contextlib.contextmanager
def quiet_stderr():
    """Hides what is written to stderr, also by C++; shows it if the block fails.

    TensorFlow prints oneDNN and CUDA lines at import and at the first compilation, at
    any log level, and a first run would look broken.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no stderr at all (a service, pythonw)
        yield
        return
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        except Exception:
            sys.stderr.flush()
            os.dup2(kept, 2)
            sink.seek(0)
            os.write(2, sink.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
