"""One module for each library: `Client` does with it what `Works` asks for, as the library's documentation does it."""
