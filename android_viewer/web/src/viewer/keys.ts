/** The keyboard on a focused image. */

import type { Point } from "../feed";
import type { Layers } from "./layers";
import type { MammogramView } from "./view";

const STEP = 40;
const ARROWS: Record<string, Point> = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };

export function keysOf(
  event: KeyboardEvent,
  view: MammogramView,
  layers: Layers,
  windowing: boolean,
  toggleWindowing: () => void,
  close: () => void,
): void {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const { width, height } = view.pane.value;
  const middle: Point = [width / 2, height / 2];
  const arrow = ARROWS[event.key];
  if (arrow && windowing) view.adjustWindow(-arrow[0] / 2, -arrow[1] / 2);
  else if (arrow) view.moveBy(...arrow);
  else if (event.key === "+" || event.key === "=") view.zoom(middle, 1.25);
  else if (event.key === "-") view.zoom(middle, 0.8);
  else if (event.key === "0") view.fit();
  else if (event.key === "1") view.oneToOne(middle);
  else if (event.key === "w" || event.key === "W") toggleWindowing();
  else if (event.key === "m" || event.key === "M") layers.marks.value = !layers.marks.value;
  else if (event.key === "h" || event.key === "H") layers.heat.value = !layers.heat.value;
  else if (event.key === "Escape") close();
  else return;
  event.preventDefault();
  view.rest();
}
