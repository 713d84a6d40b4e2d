"""The application: `vivace run` finds it through pyproject.toml; other servers take packages_index.asgi:app."""

from catalog.views import not_found

from packages_index.settings import Settings
from vivace import Vivace

app = Vivace(name="packages_index", settings=Settings, exception_handlers={404: not_found})
