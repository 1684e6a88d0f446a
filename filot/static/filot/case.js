// The case: which field lies where, correcting it, the draft of the note, the lease's heartbeat, the time left to undo.
import { showBox } from "./viewer.js";

const BEAT_MS = 60_000;
const DRAFT = "filot.draft.";

function fields() {
  const rows = [...document.querySelectorAll("tr[data-field]")];
  const parts = document.querySelectorAll("tr[data-field], rect[data-field]");
  let at = -1;
  function mark(name) {
    for (const part of parts) part.classList.toggle("marked", part.dataset.field === name);
    at = rows.findIndex((row) => row.dataset.field === name);
  }
  for (const part of parts) part.addEventListener("mouseenter", () => mark(part.dataset.field));
  for (const row of rows) row.addEventListener("focusin", () => mark(row.dataset.field));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-box]");
    if (link) { mark(link.dataset.box); showBox(link.dataset.box); }
    const step = { field_next: 1, field_previous: -1 }[event.target.closest("[data-step]")?.dataset.step];
    if (!step || !rows.length) return;
    mark(rows[(at + step + rows.length) % rows.length].dataset.field);
    rows[at].scrollIntoView({ block: "nearest" });
  });
  document.addEventListener("keydown", (event) => {
    const free = event.target === document.body || event.target.closest(".stage");
    if (event.key !== "Enter" || event.repeat || !free || at < 0) return;
    const button = rows[at].querySelector("[data-edit]");
    if (button) { event.preventDefault(); button.click(); }
  });
}

/** A note is kept in this tab until its case is decided: a lost lease or a conflict must not cost it. */
function draft(root) {
  const note = document.getElementById("note");
  if (!note) return;
  const key = DRAFT + root.dataset.case;
  if (!note.value) note.value = sessionStorage.getItem(key) ?? "";
  note.addEventListener("input", () => sessionStorage.setItem(key, note.value));
}

function forgetDraft() {
  const done = document.querySelector("[data-decided]")?.dataset.decided;
  if (done) sessionStorage.removeItem(DRAFT + done);
}

function clock(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Each part with data-until tells how long it lasts; then `ended` is called with it. */
function countdowns(ended) {
  for (const part of document.querySelectorAll("[data-left]")) {
    // The server's clock counts: what it said is left is measured here from when it was said.
    let end = performance.now() + Number(part.dataset.left) * 1000;
    part.addEventListener("prolonged", (event) => { end = performance.now() + event.detail * 1000; });
    const tick = () => {
      const left = end - performance.now();
      part.textContent = clock(left);
      if (left <= 0) { clearInterval(timer); ended(part); }
    };
    const timer = setInterval(tick, 1000);
    tick();
  }
}

function lost(text) {
  const banner = document.querySelector("[data-lost]");
  if (!banner) return;
  if (text) banner.querySelector("[data-lost-text]").textContent = text;
  banner.hidden = false;
  withhold("[data-needs-lease]");
}

function withhold(which) {
  for (const button of document.querySelectorAll(which)) button.disabled = true;
}

function beats(root) {
  const form = root.querySelector("form[data-beat]");
  if (!form) return;
  async function beat() {
    let answer;
    try {
      answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
    } catch { return; } // the network is away: the lease still runs, and the next beat may come through
    if (answer.status === 409) return lost((await answer.json()).text ?? "");
    if (!answer.ok) return;
    const { left } = await answer.json();
    document.querySelector("[data-lease]")?.dispatchEvent(new CustomEvent("prolonged", { detail: left }));
  }
  setInterval(beat, BEAT_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) beat(); });
}

function corrections() {
  const dialog = document.getElementById("correct");
  if (!dialog) return;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-edit]");
    if (!button) return;
    const { edit, label, value } = button.dataset;
    dialog.querySelector("[name=field]").value = edit;
    dialog.querySelector("[data-label]").textContent = label;
    // What is masked is never posted back: the box starts empty, and only what is typed is sent.
    dialog.querySelector("[name=value]").value = value ?? "";
    dialog.showModal();
    dialog.querySelector("[name=value]").select();
  });
}

export function openCase() {
  forgetDraft();
  countdowns((part) => {
    if (part.dataset.lease !== undefined) lost("");
    else part.closest("[data-undo]")?.setAttribute("hidden", "");
  });
  const root = document.querySelector("[data-case]");
  if (!root) return;
  fields();
  draft(root);
  beats(root);
  corrections();
  document.addEventListener("away", () => withhold("[data-needs-picture]"));
}
