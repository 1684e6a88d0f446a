// The picture of a card as one SVG: zoom, pan, turn, boxes. Every change is attributes of SVG, so no style is set.

const STEP = 1.25;
const LIMITS = [1, 12];
const MOVE = 0.12; // of what is seen, for one arrow key
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const all = new Map(); // root -> viewer

const between = (low, value, high) => Math.min(high, Math.max(low, value));

function viewer(root) {
  const svg = root.querySelector("svg.sheet");
  const page = svg.querySelector("g");
  const image = page.querySelector("image");
  const boxes = page.querySelector(".boxes");
  const away = root.querySelector("[data-away]");
  const shown = root.querySelector("[data-zoom]");
  let size = null;
  let view = { zoom: 1, turn: 0, x: 0.5, y: 0.5 }; // x, y: the middle of what is seen, as fractions of the turned page

  function draw() {
    if (!size) return;
    const [w, h] = size;
    const onSide = view.turn % 180 !== 0;
    const [along, down] = onSide ? [h, w] : [w, h];
    const start = { 0: "", 90: `translate(${h} 0)`, 180: `translate(${w} ${h})`, 270: `translate(0 ${w})` }[view.turn];
    page.setAttribute("transform", `${start} rotate(${view.turn})`);
    const [seenAlong, seenDown] = [along / view.zoom, down / view.zoom];
    svg.setAttribute("viewBox", [view.x * along - seenAlong / 2, view.y * down - seenDown / 2, seenAlong, seenDown].join(" "));
    shown.textContent = `${Math.round(view.zoom * 100)}%`;
  }
  function see(change, told = true) {
    view = { ...view, ...change };
    const margin = 0.5 / view.zoom;
    view.x = between(margin, view.x, 1 - margin);
    view.y = between(margin, view.y, 1 - margin);
    draw();
    if (told) root.dispatchEvent(new CustomEvent("seen", { detail: view }));
  }
  const zoomBy = (factor) => see({ zoom: between(LIMITS[0], view.zoom * factor, LIMITS[1]) });
  const tools = {
    in: () => zoomBy(STEP),
    out: () => zoomBy(1 / STEP),
    fit: () => see({ zoom: 1, turn: 0, x: 0.5, y: 0.5 }),
    left: () => see({ turn: (view.turn + 270) % 360 }),
    right: () => see({ turn: (view.turn + 90) % 360 }),
    boxes: (button) => {
      const on = boxes.hasAttribute("hidden");
      boxes.toggleAttribute("hidden", !on);
      button.setAttribute("aria-pressed", String(on));
    },
  };
  function move(right, down) {
    see({ x: view.x + right / view.zoom, y: view.y + down / view.zoom });
  }

  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) tools[button.dataset.do](button);
  });
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoomBy(event.deltaY < 0 ? STEP : 1 / STEP);
  }, { passive: false });
  svg.addEventListener("pointerdown", (event) => svg.setPointerCapture(event.pointerId));
  svg.addEventListener("pointermove", (event) => {
    if (svg.hasPointerCapture(event.pointerId)) move(-event.movementX / svg.clientWidth, -event.movementY / svg.clientHeight);
  });

  function load() {
    const picture = new Image();
    picture.addEventListener("load", () => {
      size = [picture.naturalWidth, picture.naturalHeight];
      image.setAttribute("width", size[0]);
      image.setAttribute("height", size[1]);
      image.setAttribute("href", picture.src);
      boxes?.setAttribute("transform", `scale(${size[0]} ${size[1]})`);
      draw();
      root.dataset.loaded = "1";
    });
    picture.addEventListener("error", () => {
      away.hidden = false;
      svg.setAttribute("hidden", "");
      root.dispatchEvent(new CustomEvent("away", { bubbles: true }));
    });
    picture.src = svg.dataset.src;
  }
  if (svg.dataset.src) load();

  return {
    see,
    move,
    /** Bring the box of a field into the middle, larger. */
    show(name) {
      const box = boxes?.querySelector(`[data-field="${CSS.escape(name)}"]`);
      if (!box || view.turn) return;
      const [x, y, w, h] = ["x", "y", "width", "height"].map((side) => Number(box.getAttribute(side)));
      see({ zoom: between(LIMITS[0], 0.6 / Math.max(w, h), 4), x: x + w / 2, y: y + h / 2 });
    },
  };
}

/** Start every viewer of the page; two under one `data-locked` move together. */
export function viewers() {
  for (const root of document.querySelectorAll("[data-viewer]")) all.set(root, viewer(root));
  for (const pair of document.querySelectorAll("[data-locked]")) {
    const roots = [...pair.querySelectorAll("[data-viewer]")];
    pair.addEventListener("seen", (event) => {
      for (const root of roots) if (root !== event.target) all.get(root).see(event.detail, false);
    }, true);
  }
  document.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    const elsewhere = event.target.closest("input, textarea, select, dialog, [role=menu]");
    if (!arrow || elsewhere || event.ctrlKey || event.metaKey || event.altKey || !all.size) return;
    event.preventDefault();
    all.values().next().value.move(arrow[0] * MOVE, arrow[1] * MOVE);
  });
}

/** Show the box of this field in the first viewer. */
export function showBox(name) {
  all.values().next().value?.show(name);
}
