// node_http.js in a cluster of two processes. Usage: node node_cluster.js PORT APPLICATION
const cluster = require("node:cluster");

if (cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
} else {
  require("./node_http.js");
}
