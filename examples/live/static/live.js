const $ = (id) => document.getElementById(id);

// What happens in the room: the browser asks again by itself, and tells the last event that it saw.
const events = new EventSource("/live");
events.onmessage = ({ data }) => {
  const { people, messages } = JSON.parse(data);
  $("people").textContent = people;
  $("messages").textContent = messages;
};

// What is said. A WebSocket that ends is opened again, later each time.
let socket, wait = 500;

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/chat`);
  socket.onopen = () => {
    wait = 500;
    $("log").replaceChildren(); // the last messages come again
    show("connected", false);
  };
  socket.onmessage = ({ data }) => {
    const { name, text } = JSON.parse(data);
    const line = document.createElement("li"), who = document.createElement("b");
    who.textContent = name;
    line.append(who, ` ${text}`); // as text: what others write is no HTML
    $("log").append(line);
    line.scrollIntoView();
  };
  socket.onclose = ({ code, reason }) => {
    show(reason || (code === 1012 ? "restarting" : "away"), true);
    setTimeout(connect, wait);
    wait = Math.min(2 * wait, 10000);
  };
}

function show(text, away) {
  $("state").textContent = text;
  $("state").classList.toggle("away", away);
}

$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ name: $("name").value, text: $("text").value }));
  $("text").value = "";
});

connect();
