// Every page: keys, dialogs, choices that submit by themselves. All of it also works by mouse and plain forms.
import { viewers } from "./viewer.js";
import { openCase } from "./case.js";

const help = document.getElementById("keys-help");
const TYPING = "input:not([type=checkbox],[type=radio]), textarea, select, [contenteditable]";

// A dialog is left by Esc, which the browser does itself, and by a button with data-close.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog).showModal();
  event.target.closest("[data-close]")?.closest("dialog").close();
});

// A button that was pressed is pressed once: a second click would be answered by "already decided".
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

for (const all of document.querySelectorAll("[data-choose-all]")) {
  all.addEventListener("change", () => {
    for (const box of all.closest("form, table").querySelectorAll("input[name=ids]")) box.checked = all.checked;
  });
}
for (const menu of document.querySelectorAll("select[data-shows]")) {
  const show = () => {
    for (const part of menu.form.querySelectorAll("[data-shown-for]")) {
      part.hidden = part.dataset.shownFor !== menu.value;
      for (const input of part.querySelectorAll("select")) input.disabled = part.hidden;
    }
  };
  menu.addEventListener("change", show);
  show();
}

function act(name) {
  for (const part of document.querySelectorAll(`[data-action~="${name}"]`)) {
    if (part.disabled || !part.checkVisibility()) continue;
    if (part.matches(TYPING)) part.focus(); else part.click();
    return true;
  }
  return false;
}

function choose(figure) {
  const open = document.querySelector("dialog[open]");
  const choice = open?.querySelectorAll("[data-choice]")[figure - 1];
  choice?.click();
  return Boolean(choice);
}

if (help?.dataset.keysOn === "1") {
  const actions = new Map();
  for (const kbd of help.querySelectorAll("[data-key-of]")) actions.set(kbd.textContent, kbd.dataset.keyOf);
  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest(TYPING)) {
      if (event.key === "Escape" && !event.target.closest("dialog")) event.target.blur();
      return;
    }
    if (document.querySelector("dialog[open]")) {
      if (/^[1-9]$/.test(event.key) && choose(Number(event.key))) event.preventDefault();
      return;
    }
    const name = actions.get(event.key.toLowerCase());
    if (name && act(name)) event.preventDefault();
  });
} else {
  document.documentElement.classList.add("keys-off");
}

viewers();
openCase();
