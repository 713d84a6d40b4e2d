"""How each library is used: as its documentation says for whoever wants it quick.

A module has a class `Client`: `open(url)`, `close()` and the methods that its cases need. It runs in the environment of
its library, so it imports that and `benchmarks.databases.data`, nothing else of ours.

- `book(key)`: the row of that key
- `books(count)`: the first so many rows
- `insert(number)`: one row into the table `orders`, stored for good when it returns
- `orders()`: how many rows `orders` has
- `fill(rows)`: empties `pressings` and inserts so many rows, all or none
- `values(row)`: what is in a row, as a tuple
"""
