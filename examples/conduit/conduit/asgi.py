"""The application: `vivace run` finds it through pyproject.toml."""

from conduit.settings import Settings
from vivace import Vivace

app = Vivace(name="conduit", settings=Settings)
