// node fastify_route.js PORT: Fastify with the schemas that its documentation advises for speed.
const fastify = require("fastify")({ logger: false });

const schema = {
  params: { type: "object", properties: { id: { type: "integer" } } },
  response: { 200: { type: "object", properties: { id: { type: "integer" }, name: { type: "string" } } } },
};

fastify.get("/items/:id", { schema }, async (request) => ({ id: request.params.id, name: "The Hobbit" }));
fastify.listen({ port: Number(process.argv[2]), host: "127.0.0.1" });
