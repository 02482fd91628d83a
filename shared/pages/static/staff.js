// Live task lists: keep the words of open clocks current, the list in order of time left, the connection shown.
"use strict";

const MINUTE = 60_000;
const DAY = 24 * 60;
const SOON = 30;

// The words of duration_zh in shared/pages/filters.py.
function durationZh(minutes) {
  const size = Math.abs(minutes);
  const days = Math.floor(size / DAY);
  const hours = Math.floor((size % DAY) / 60);
  const rest = size % 60;
  if (days) return hours ? `${days} 天 ${hours} 小时` : `${days} 天`;
  if (hours) return rest ? `${hours} 小时 ${rest} 分` : `${hours} 小时`;
  return rest ? `${rest} 分` : "不到 1 分";
}

// The server's clock decides, not the phone's.
const list = document.querySelector("[data-server-now]");
const skew = list ? Date.parse(list.dataset.serverNow) - Date.now() : 0;

function countDown() {
  for (const tag of document.querySelectorAll(".countdown")) {
    const left = (Date.parse(tag.dataset.due) - (Date.now() + skew)) / MINUTE;
    const overdue = left < 0;
    const minutes = overdue ? Math.ceil(left) : Math.floor(left);
    tag.querySelector(".countdown-text").textContent = `${overdue ? "已超时" : "剩余"} ${durationZh(minutes)}`;
    const symbol = tag.querySelector("use");
    const drawing = symbol.getAttribute("href").replace(/#.*/, overdue ? "#clock-exclamation" : "#clock");
    if (symbol.getAttribute("href") !== drawing) symbol.setAttribute("href", drawing);
    tag.classList.toggle("tag-red", overdue);
    tag.classList.toggle("tag-amber", !overdue && left <= SOON);
    tag.classList.toggle("tag-green", !overdue && left > SOON);
  }
}

// A changed task keeps its place when it is swapped by id: move it to where its new clock belongs.
function sortTasks() {
  const tasks = document.getElementById("tasks");
  if (!tasks) return;
  const cards = [...tasks.querySelectorAll(":scope > [data-due]")];
  const sorted = [...cards].sort((one, other) => one.dataset.due.localeCompare(other.dataset.due));
  document.getElementById("no-tasks").hidden = cards.length > 0;
  if (sorted.some((card, place) => card !== cards[place])) tasks.append(...sorted);
}

// An action that the network or the gateway swallowed brings no box of its own.
function say(name) {
  document.getElementById("alerts").replaceChildren(document.getElementById(name).content.cloneNode(true));
}
document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx?.request.method === "POST" && ctx.text === undefined) say("alert-unsent");
});
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (ctx.request.method === "POST" && !ctx.text.includes('id="alerts"')) say("alert-unanswered");
});

// The box of an action's error is closed by hand, or emptied by the next action that succeeds.
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-close]")) return;
  document.getElementById("alerts").replaceChildren();
  document.getElementById("main").focus({ preventScroll: true });
});

// Who works by keyboard stays on a card that is swapped or moved: on its next action where they were on one,
// else on its link; on the card behind it where it has left the list.
let held = null;
function hold() {
  const on = document.activeElement;
  if (on === document.body) return; // still holding, where a swap lost the focus before
  const card = on?.closest(".task");
  const acting = Boolean(on?.closest(".task-actions"));
  const next = (card?.nextElementSibling ?? card?.previousElementSibling)?.id;
  held = card && { id: card.id, next, acting, scroll: on.matches(":focus-visible") };
}
function giveBack() {
  if (held && document.activeElement === document.body) {
    const card = document.getElementById(held.id);
    const link = (card ?? document.getElementById(held.next))?.querySelector("h2 a");
    const action = held.acting && card?.querySelector(".task-actions :is(a, button)");
    (action || link || document.getElementById("main")).focus({ preventScroll: !held.scroll });
  }
  held = null;
}

function showLive(live) {
  const status = document.getElementById("live-status");
  if (!status) return;
  status.dataset.live = live ? "yes" : "no";
  const words = live ? "实时更新中" : "连接中断，正在重连";
  if (status.lastElementChild.textContent !== words) status.lastElementChild.textContent = words;
}

document.addEventListener("htmx:sse:after:connection", () => showLive(true));
document.addEventListener("htmx:sse:error", () => showLive(false));
document.addEventListener("htmx:sse:close", () => showLive(false));
document.addEventListener("htmx:before:swap", hold);
document.addEventListener("htmx:after:swap", () => {
  sortTasks();
  countDown();
  giveBack();
});
countDown();
setInterval(countDown, MINUTE / 4);
