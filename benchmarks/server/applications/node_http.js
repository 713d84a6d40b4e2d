// node:http with what asgi.py answers. Usage: node node_http.js PORT plaintext|json|post|large|file
const fs = require("node:fs");
const http = require("node:http");

const [port, application] = process.argv.slice(2);
const file = process.env.BENCH_FILE;
const large = Buffer.alloc(1024 * 1024, "x");
const bytes = "application/octet-stream";

const applications = {
  plaintext(request, response) {
    response.writeHead(200, { "content-type": "text/plain", "content-length": 13 });
    response.end("Hello, World!");
  },
  json(request, response) {
    const body = JSON.stringify({ message: "Hello, World!" });
    response.writeHead(200, { "content-type": "application/json", "content-length": 27 });
    response.end(body);
  },
  post(request, response) {
    let length = 0;
    request.on("data", (piece) => (length += piece.length));
    request.on("end", () => {
      const body = String(length);
      response.writeHead(200, { "content-type": "text/plain", "content-length": body.length });
      response.end(body);
    });
  },
  large(request, response) {
    response.writeHead(200, { "content-type": bytes, "content-length": large.length });
    response.end(large);
  },
  file(request, response) {
    response.writeHead(200, { "content-type": bytes, "content-length": fs.statSync(file).size });
    fs.createReadStream(file).pipe(response);
  },
};

const server = http.createServer(applications[application]);
server.keepAliveTimeout = 120_000; // idle connections are measured
server.listen(Number(port), "127.0.0.1", 16384);
