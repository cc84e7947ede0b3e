/** Fingers, mouse and keys on an image. */

import type { Point } from "../feed";

export interface Moves {
  /** Taps that open a view; with `isFocused` false nothing else is listened to. */
  isFocused(): boolean;
  open(): void;
  /** One finger; the distance is in CSS pixels. */
  drag(dx: number, dy: number): void;
  /** Two fingers or the wheel: about which point, by how much, and how far that point moved. */
  pinch(about: Point, factor: number, dx: number, dy: number): void;
  doubleTap(at: Point): void;
  /** All fingers are up. */
  rest(): void;
}

const DOUBLE_TAP_MS = 320;
const TAP_PIXELS = 12;

/** Listens on `element` until the returned function is called. */
export function listen(element: HTMLElement, moves: Moves): () => void {
  const fingers = new Map<number, Point>();
  let began: { at: Point; moved: boolean; count: number } | null = null;
  let lastTap: { at: Point; time: number } | null = null;

  const place = (event: PointerEvent | WheelEvent): Point => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  function down(event: PointerEvent): void {
    if (!moves.isFocused()) return;
    element.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, place(event));
    began = fingers.size === 1 ? { at: place(event), moved: false, count: 1 } : began && { ...began, count: fingers.size };
  }

  function move(event: PointerEvent): void {
    const before = fingers.get(event.pointerId);
    if (!before || !began) return;
    const now = place(event);
    if (Math.hypot(now[0] - began.at[0], now[1] - began.at[1]) > TAP_PIXELS) began.moved = true;
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    fingers.set(event.pointerId, now);
    if (!other) {
      if (began.moved) moves.drag(now[0] - before[0], now[1] - before[1]);
      return;
    }
    const factor = distance(now, other) / Math.max(1, distance(before, other));
    const middle: Point = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
    moves.pinch(middle, factor, (now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  }

  function up(event: PointerEvent): void {
    if (!fingers.delete(event.pointerId) || fingers.size > 0) return;
    const tapped = event.type === "pointerup" && began && !began.moved && began.count === 1;
    if (tapped && began) {
      const isSecond = lastTap && event.timeStamp - lastTap.time < DOUBLE_TAP_MS && distance(lastTap.at, began.at) < 3 * TAP_PIXELS;
      if (isSecond) moves.doubleTap(began.at);
      lastTap = isSecond ? null : { at: began.at, time: event.timeStamp };
    }
    began = null;
    moves.rest();
  }

  function wheel(event: WheelEvent): void {
    if (!moves.isFocused()) return;
    event.preventDefault();
    moves.pinch(place(event), Math.exp(-event.deltaY / 400), 0, 0);
    moves.rest();
  }

  function click(): void {
    if (!moves.isFocused()) moves.open();
  }

  const stop = new AbortController();
  const options = { signal: stop.signal };
  element.addEventListener("pointerdown", down, options);
  element.addEventListener("pointermove", move, options);
  element.addEventListener("pointerup", up, options);
  element.addEventListener("pointercancel", up, options);
  element.addEventListener("wheel", wheel, { ...options, passive: false });
  element.addEventListener("click", click, options);
  return () => stop.abort();
}

function distance(one: Point, other: Point): number {
  return Math.hypot(one[0] - other[0], one[1] - other[1]);
}
