"""Relations between instances: `forward` (`book.author`), `reverse` (`author.books`, `book.tags`), `loading`
(fetching what is missing for all peers at once), `through` (automatic tables of pairs)."""
