// The case page: the picture's tools, which field lies where, and keys. Everything works without it by mouse and forms.

const ZOOM_STEP = 1.25;
const ZOOM_LIMITS = [0.25, 6];
const KEYS_OFF = "filot.keys.off";

function viewer(root) {
  const stage = root.querySelector(".stage");
  const sheet = root.querySelector(".sheet");
  const picture = root.querySelector("img");
  const boxes = root.querySelector(".boxes");
  const shown = root.querySelector("[data-zoom]");
  let zoom = 1;
  let turn = 0;

  function draw() {
    if (!picture?.naturalWidth) return;
    const ratio = picture.naturalWidth / picture.naturalHeight;
    const onSide = turn % 180 !== 0;
    const [roomAlong, roomAcross] = onSide ? [stage.clientHeight, stage.clientWidth] : [stage.clientWidth, stage.clientHeight];
    const width = Math.min(roomAlong, roomAcross * ratio) * zoom;
    const gap = onSide ? (width - width / ratio) / 2 : 0; // turning does not change the room that a box takes
    sheet.style.width = `${width}px`;
    sheet.style.margin = `${gap}px ${-gap}px`;
    sheet.style.rotate = `${turn}deg`;
    shown.textContent = `${Math.round(zoom * 100)}%`;
  }
  function zoomBy(factor) {
    zoom = Math.min(ZOOM_LIMITS[1], Math.max(ZOOM_LIMITS[0], zoom * factor));
    draw();
  }
  const tools = {
    in: () => zoomBy(ZOOM_STEP),
    out: () => zoomBy(1 / ZOOM_STEP),
    fit: () => { zoom = 1; turn = 0; draw(); },
    turn: () => { turn = (turn + 90) % 360; draw(); },
    boxes: (button) => {
      const on = boxes.hasAttribute("hidden");
      boxes.toggleAttribute("hidden", !on);
      button.setAttribute("aria-pressed", String(on));
    },
  };
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) tools[button.dataset.do](button);
  });
  picture?.addEventListener("load", draw);
  new ResizeObserver(draw).observe(stage);
}

function fields() {
  function mark(name) {
    for (const part of document.querySelectorAll("tr[data-field], rect[data-field]")) {
      part.classList.toggle("marked", part.dataset.field === name);
    }
  }
  for (const part of document.querySelectorAll("tr[data-field], rect[data-field]")) {
    part.addEventListener("mouseenter", () => mark(part.dataset.field));
  }
}

function keys() {
  const toggle = document.querySelector("[data-keys]");
  let on = localStorage.getItem(KEYS_OFF) === null;
  function draw() {
    toggle.hidden = false;
    toggle.setAttribute("aria-pressed", String(on));
  }
  toggle.addEventListener("click", () => {
    on = !on;
    if (on) localStorage.removeItem(KEYS_OFF); else localStorage.setItem(KEYS_OFF, "1");
    draw();
  });
  draw();

  const press = (selector) => document.querySelector(selector)?.click();
  const actions = {
    "+": () => press("[data-do=in]"), "-": () => press("[data-do=out]"), 0: () => press("[data-do=fit]"),
    "]": () => press("[data-do=turn]"), b: () => press("[data-do=boxes]"),
    a: () => press("[data-key=a]"), r: () => press("[data-key=r]"), e: () => press("[data-key=e]"),
    "?": () => press("[data-keys]"),
    m: () => document.getElementById("note")?.focus(),
    h: () => document.querySelector("[data-history]")?.toggleAttribute("open"),
  };
  for (const list of document.querySelectorAll(".chooser select")) {
    list.addEventListener("keydown", (event) => {
      const choice = /^[1-9]$/.test(event.key) && list.options[Number(event.key) - 1];
      if (on && choice) choice.selected = true;
      if (event.key === "Enter") list.form.requestSubmit(list.closest(".chooser").querySelector("[type=submit]"));
    });
  }
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable], [popover]:popover-open");
    if (!on || typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = actions[event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  });
}

for (const root of document.querySelectorAll("[data-viewer]")) viewer(root);
if (document.querySelector("[data-keys]")) {
  fields();
  keys();
}
