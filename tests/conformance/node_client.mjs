// Node's own clients: http, https, http2 and, over an upgrade of http and over RFC 8441 of http2, WebSocket frames by hand.
// `node node_client.mjs URL CA_FILE` prints what came of it, as JSON.
import fs from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import crypto from "node:crypto";

const [url, caFile] = process.argv.slice(2);
const ca = caFile ? fs.readFileSync(caFile) : undefined;
const client = url.startsWith("https") ? https : http;
const agent = new client.Agent({ keepAlive: true, maxSockets: 8, ca });

function request(path, options = {}, body = undefined) {
  return new Promise((resolve, reject) => {
    const sent = client.request(url + path, { agent, ...options }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({
        status: response.statusCode, body: Buffer.concat(chunks), trailers: response.trailers, reused: sent.reusedSocket,
        informed: sent.informed,
      }));
      response.on("error", reject);
    });
    sent.informed = [];
    sent.on("information", (info) => sent.informed.push(info.statusCode));
    sent.on("error", reject);
    if (typeof body === "function") body(sent);
    else sent.end(body);
  });
}

function stream(session, path, headers = {}, body = undefined) {
  return new Promise((resolve, reject) => {
    const sent = session.request({ ":path": path, ...headers }, { endStream: body === undefined });
    const found = { informed: [], chunks: [] };
    sent.on("headers", (head) => found.informed.push(head[":status"]));
    sent.on("response", (head) => (found.status = head[":status"]));
    sent.on("trailers", (trailers) => (found.trailers = { ...trailers }));
    sent.on("data", (chunk) => found.chunks.push(chunk));
    sent.on("end", () => resolve({ ...found, body: Buffer.concat(found.chunks) }));
    sent.on("error", reject);
    if (body !== undefined) sent.end(body);
  });
}

function textFrame(text) {
  const payload = Buffer.from(text);
  const mask = crypto.randomBytes(4);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, payload.map((byte, at) => byte ^ mask[at % 4])]);
}

// The payload of the first frame, which is short and unmasked.
async function firstFrame(readable) {
  let data = Buffer.alloc(0);
  for await (const chunk of readable) {
    data = Buffer.concat([data, chunk]);
    if (data.length >= 2 && data.length >= 2 + data[1]) return data.subarray(2, 2 + data[1]).toString();
  }
}

function upgraded(path) {
  return new Promise((resolve, reject) => {
    const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": crypto.randomBytes(16).toString("base64") };
    const sent = client.request(url + path, { headers, ca });
    sent.on("upgrade", (response, socket, head) => {
      socket.unshift(head);
      socket.write(textFrame("http_version"));
      firstFrame(socket).then((text) => { socket.destroy(); resolve(text); }, reject);
    });
    sent.on("response", (response) => { response.resume(); resolve(response.statusCode); });
    sent.on("error", reject);
    sent.end();
  });
}

async function tunnelled(session, path) {
  const sent = session.request({ ":method": "CONNECT", ":protocol": "websocket", ":path": path, "sec-websocket-version": "13" }, { endStream: false });
  const status = await new Promise((resolve, reject) => sent.on("response", (head) => resolve(head[":status"])).on("error", reject));
  if (status !== 200) return status;
  sent.write(textFrame("http_version"));
  const text = await firstFrame(sent);
  sent.close();
  return text;
}

async function overHttp1() {
  const found = {};
  found.hello = (await request("/")).body.toString();
  found.reused = (await request("/")).reused;
  found.uploaded = JSON.parse((await request("/request", { method: "POST" }, Buffer.alloc(1_000_000, 7))).body).size;
  found.downloaded = (await request("/many/3000000")).body.length;
  found.together = (await Promise.all(Array.from({ length: 100 }, () => request("/stream/3")))).filter((got) => got.body.toString().endsWith("2\n")).length;
  found.trailers = (await request("/trailers")).trailers["x-sum"];
  found.informed = (await request("/hints")).informed;
  found.requestTrailers = JSON.parse((await request("/request", { method: "POST", headers: { "transfer-encoding": "chunked", trailer: "x-sum" } }, (sent) => {
    sent.write("abc");
    sent.addTrailers({ "x-sum": "1" });
    sent.end();
  })).body).trailers;
  found.continued = (await request("/request", { method: "POST", headers: { expect: "100-continue", "content-length": "3" } }, (sent) => {
    sent.on("continue", () => sent.end("abc"));
    sent.flushHeaders();
  })).status;
  found.websocket = await upgraded("/");
  found.refused = await upgraded("/refused");
  agent.destroy();
  return found;
}

async function overHttp2() {
  const session = http2.connect(url, { ca });
  await new Promise((resolve, reject) => session.on("remoteSettings", resolve).on("error", reject));
  const found = {};
  found.hello = (await stream(session, "/")).body.toString();
  found.uploaded = JSON.parse((await stream(session, "/request", { ":method": "POST" }, Buffer.alloc(1_000_000, 7))).body).size;
  found.downloaded = (await stream(session, "/many/3000000")).body.length;
  found.together = (await Promise.all(Array.from({ length: 100 }, () => stream(session, "/stream/3")))).filter((got) => got.body.toString().endsWith("2\n")).length;
  found.trailers = (await stream(session, "/trailers")).trailers["x-sum"];
  found.informed = (await stream(session, "/hints")).informed;
  found.websocket = await tunnelled(session, "/");
  found.refused = await tunnelled(session, "/refused");
  const cancelled = session.request({ ":path": "/many/50000000" });
  await new Promise((resolve) => cancelled.once("data", resolve));
  cancelled.close(http2.constants.NGHTTP2_CANCEL);
  found.afterCancelling = (await stream(session, "/")).status;
  session.close();
  return found;
}

console.log(JSON.stringify({ http1: await overHttp1(), http2: await overHttp2() }));
