/**
 * A short mark on cells whose value changed.
 *
 * Two class changes a cell and one timer a batch, and no animation: hundreds of running transitions would keep the
 * main thread busy at every frame. Nothing flashes for those who ask for reduced motion.
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
