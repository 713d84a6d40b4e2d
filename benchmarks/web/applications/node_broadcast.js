// Everybody hears what one says, with ws and node:http. Usage: node node_broadcast.js PORT
const http = require("http");
const { WebSocketServer } = require("ws");

const listeners = new Set();
const server = http.createServer((request, response) => {
  if (request.url === "/events") {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    response.write(": open\n\n");
    listeners.add(response);
    response.on("close", () => listeners.delete(response));
    return;
  }
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const frame = `data: ${Buffer.concat(parts)}\n\n`;
    for (const listener of listeners) listener.write(frame);
    response.writeHead(204).end();
  });
});
const websockets = new WebSocketServer({ server });
websockets.on("connection", (socket) => {
  socket.on("message", (data) => {
    websockets.clients.forEach((client) => client.send(data, { binary: false }));
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1", 16384);
