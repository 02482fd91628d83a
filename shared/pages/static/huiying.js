// Small helpers of every page. Each page works without them.
"use strict";

// What works by script alone is hidden without it.
for (const part of document.querySelectorAll("[data-copy], [data-print], [data-live]")) part.hidden = false;

// Copy buttons: <button data-copy="text">
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const label = button.querySelector("[data-copy-label]");
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    label.textContent = "已复制";
  } catch {
    label.textContent = "请长按选择后复制";
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});

// A form is sent once, however often its button is pressed. htmx guards its own requests.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button[type=submit]")) button.setAttribute("aria-disabled", "true");
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
  }
});

// What was typed survives a failed send: <form data-draft="name"> keeps its data-keep fields on this device
// until a page with data-draft-done="name" tells that they arrived. Name and phone are never kept.
const draftKey = (name) => `huiying-draft-${name}`;
for (const done of document.querySelectorAll("[data-draft-done]")) {
  localStorage.removeItem(draftKey(done.dataset.draftDone));
}
for (const form of document.querySelectorAll("form[data-draft]")) {
  const key = draftKey(form.dataset.draft);
  const fields = [...form.querySelectorAll("[data-keep]")];
  const kept = JSON.parse(localStorage.getItem(key) || "{}");
  for (const field of fields) {
    if (!field.value && kept[field.name]) field.value = kept[field.name];
  }
  form.addEventListener("input", () => {
    localStorage.setItem(key, JSON.stringify(Object.fromEntries(fields.map((field) => [field.name, field.value]))));
  });
}

// Errors come first for those who do not see the page.
document.getElementById("error-summary")?.focus();
