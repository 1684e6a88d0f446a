"""FiLot's settings with one view and no middleware: what `bench_pipeline` holds an upload against."""

from filot.settings import *  # noqa: F403 - the same token, user, server and store settings, to the last one

ROOT_URLCONF = "filot.bench.bare"
MIDDLEWARE = []
