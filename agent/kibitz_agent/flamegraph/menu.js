// What can be done with one frame: a menu for the right mouse button, and for the keyboard's menu key.

import { make } from "./table.js";

/**
 * Opens a menu at a point of the window with `[label, action]` items; closes on a choice, Escape, or a click elsewhere.
 * `back` gets the focus afterwards.
 */
export function openMenu(root, { x, y }, items, back) {
  root.querySelector(".kb-menu")?.remove();
  const menu = make("div", "kb-menu", root);
  menu.setAttribute("role", "menu");
  menu.setAttribute("aria-label", "This frame");
  const stop = new AbortController();
  const close = () => {
    stop.abort();
    menu.remove();
    back.focus({ preventScroll: true });
  };
  for (const [label, action] of items) {
    const item = make("button", "kb-item", menu);
    item.type = "button";
    item.setAttribute("role", "menuitem");
    item.textContent = label;
    item.addEventListener("click", () => {
      close();
      action();
    });
  }
  place(menu, x, y);
  menu.addEventListener("keydown", (event) => stepThrough(menu, event, close));
  addEventListener("pointerdown", (event) => menu.contains(event.target) || close(), { capture: true, signal: stop.signal });
  menu.firstElementChild.focus();
}

function place(menu, x, y) {
  const { width, height } = menu.getBoundingClientRect();
  const left = Math.max(8, Math.min(x, innerWidth - width - 8));
  const top = Math.max(8, Math.min(y, innerHeight - height - 8));
  menu.style.transform = `translate(${left}px, ${top}px)`;
}

function stepThrough(menu, event, close) {
  const items = [...menu.children];
  const at = items.indexOf(document.activeElement);
  const steps = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 };
  if (event.key === "Escape" || event.key === "Tab") close();
  else if (event.key in steps) items[steps[event.key] % items.length].focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
}
