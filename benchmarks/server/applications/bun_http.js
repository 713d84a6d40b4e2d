// Bun.serve with what asgi.py answers. Usage: bun bun_http.js PORT plaintext|json
const [port, application] = process.argv.slice(2);

const applications = {
  plaintext: () => new Response("Hello, World!", { headers: { "content-type": "text/plain" } }),
  json: () => Response.json({ message: "Hello, World!" }),
};

Bun.serve({ hostname: "127.0.0.1", port: Number(port), fetch: applications[application] });
