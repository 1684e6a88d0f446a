"""An install without the `gpu` extra has no torch: test_engine.py shows what it says then, these need the real one."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["test_easyocr_engine.py", "test_half_precision.py"]
