// node fastify_site.js PORT: Fastify with pg or, for sqlite:///PATH in DATABASE_URL, better-sqlite3.
const fastify = require("fastify")({ logger: false });

const url = process.env.DATABASE_URL;
const integer = { type: "integer" };
const world = { type: "object", properties: { id: integer, randomNumber: integer } };
const worlds = { type: "array", items: world };
const author = { type: "object", properties: { id: integer, name: { type: "string" } } };
const book = { type: "object", properties: { id: integer, title: { type: "string" }, pages: integer, author } };
const greeting = { type: "object", properties: { message: { type: "string" } } };
const answered = (schema) => ({ schema: { response: { 200: schema } } });

const random = () => 1 + Math.floor(Math.random() * 10000);
const asked = (request) => Math.min(Math.max(parseInt(request.query.queries, 10) || 1, 1), 500);

const entities = { "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;", "'": "&#39;" };
const escape = (text) => text.replace(/[<>&"']/g, (character) => entities[character]);

const BOOKS =
  "SELECT book.id, book.title, book.pages, author.id AS author_id, author.name FROM book " +
  "JOIN author ON author.id = book.author_id ORDER BY book.id LIMIT 20";

// Each of these gives a promise, or the value at once.
const store = url.startsWith("sqlite") ? sqlite() : postgresql();

function postgresql() {
  const { Pool } = require("pg");
  const size = Number(process.env.POOL_SIZE);
  const pool = new Pool({ connectionString: url, max: size, min: size });
  const read = async (id) => {
    const found = await pool.query({ name: "world", text: "SELECT id, randomnumber FROM world WHERE id = $1", values: [id] });
    return { id: found.rows[0].id, randomNumber: found.rows[0].randomnumber };
  };
  return {
    read,
    readAll: (ids) => Promise.all(ids.map(read)),
    fortunes: async () => (await pool.query({ name: "fortunes", text: "SELECT id, message FROM fortune" })).rows,
    update: (changed) =>
      pool.query({
        name: "update",
        text: "UPDATE world SET randomnumber = given.number FROM unnest($1::int[], $2::int[]) AS given (id, number) WHERE world.id = given.id",
        values: [changed.map((each) => each.id), changed.map((each) => each.randomNumber)],
      }),
    books: async () => (await pool.query({ name: "books", text: BOOKS })).rows,
  };
}

function sqlite() {
  const Database = require("better-sqlite3");
  const database = new Database(url.replace("sqlite:///", ""));
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = NORMAL");
  const one = database.prepare("SELECT id, randomnumber AS randomNumber FROM world WHERE id = ?");
  const all = database.prepare("SELECT id, message FROM fortune");
  const books = database.prepare(BOOKS);
  const change = database.prepare("UPDATE world SET randomnumber = ? WHERE id = ?");
  return {
    read: (id) => one.get(id),
    readAll: (ids) => ids.map((id) => one.get(id)),
    fortunes: () => all.all(),
    update: database.transaction((changed) => changed.forEach((each) => change.run(each.randomNumber, each.id))),
    books: () => books.all(),
  };
}

fastify.addHook("onRequest", (request, reply, done) => {
  reply.header("server", "fastify");
  done();
});
fastify.get("/plaintext", async (request, reply) => {
  reply.type("text/plain");
  return "Hello, World!";
});
fastify.get("/json", answered(greeting), async () => ({ message: "Hello, World!" }));
fastify.get("/db", answered(world), async () => store.read(random()));
fastify.get("/queries", answered(worlds), async (request) => store.readAll(Array.from({ length: asked(request) }, random)));
fastify.get("/updates", answered(worlds), async (request) => {
  const found = await store.readAll(Array.from({ length: asked(request) }, random));
  const changed = new Map();
  for (const each of found) {
    each.randomNumber = random();
    changed.set(each.id, each);
  }
  await store.update([...changed.values()].sort((left, right) => left.id - right.id));
  return found.map((each) => changed.get(each.id));
});
fastify.get("/fortunes", async (request, reply) => {
  const found = [...(await store.fortunes()), { id: 0, message: "Additional fortune added at request time." }];
  found.sort((left, right) => (left.message < right.message ? -1 : left.message > right.message ? 1 : 0));
  let rows = "";
  for (const each of found) rows += `<tr><td>${each.id}</td><td>${escape(each.message)}</td></tr>`;
  reply.type("text/html; charset=utf-8");
  return (
    "<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table>" +
    `<tr><th>id</th><th>message</th></tr>${rows}</table></body></html>`
  );
});
fastify.get("/books", answered({ type: "array", items: book }), async () =>
  (await store.books()).map((row) => ({
    id: row.id,
    title: row.title,
    pages: row.pages,
    author: { id: row.author_id, name: row.name },
  })),
);
fastify.listen({ port: Number(process.argv[2]), host: "127.0.0.1" });
