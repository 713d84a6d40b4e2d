// node:http2's stream API, clear text with prior knowledge. Usage: node node_http2.js PORT
const http2 = require("node:http2");

const server = http2.createServer();
server.on("stream", (stream) => {
  stream.respond({ ":status": 200, "content-type": "text/plain", "content-length": 13 });
  stream.end("Hello, World!");
});
server.listen(Number(process.argv[2]), "127.0.0.1");
