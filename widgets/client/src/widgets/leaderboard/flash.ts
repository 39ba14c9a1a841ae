/**
 * Marks cells whose value changed, for a short time.
 *
 * It uses two class changes per cell and one timer per batch, not CSS transitions: hundreds of transitions would keep
 * the main thread busy in each frame. Cells do not flash if the user prefers reduced motion.
 */

const FLASH_MS = 350;

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
let marked: HTMLElement[] = [];
let clearing = false;

export function flash(cell: HTMLElement, up: boolean): void {
  if (reducedMotion.matches) return;
  cell.classList.remove("flash-up", "flash-down");
  cell.classList.add(up ? "flash-up" : "flash-down");
  marked.push(cell);
  if (clearing) return;
  clearing = true;
  setTimeout(clearMarked, FLASH_MS);
}

function clearMarked(): void {
  for (const cell of marked) cell.classList.remove("flash-up", "flash-down");
  marked = [];
  clearing = false;
}
