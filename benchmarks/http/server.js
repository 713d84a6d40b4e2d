// node:http with what app.py answers. Usage: node server.js PORT
const http = require("node:http");

http
  .createServer((request, response) => {
    response.writeHead(200, { "content-type": "text/plain", "content-length": 13 });
    response.end("Hello, World!");
  })
  .listen(Number(process.argv[2]), "127.0.0.1");
