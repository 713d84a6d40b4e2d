"""One module or folder for each kind of database, all behind the interface of `base.py`."""
