/** How large an element is on the screen. */

import type { Size } from "./geometry";

/**
 * Tells the size of an element, now and whenever it changes, in CSS pixels that are whole pixels of the screen:
 * otherwise the browser stretches a canvas by a fraction of one, and no pixel is itself any more.
 */
export function watchSize(element: HTMLElement, tell: (size: Size) => void): () => void {
  const isExact = "devicePixelContentBoxSize" in ResizeObserverEntry.prototype;
  const watch = new ResizeObserver(([entry]) => {
    const laidOut = entry?.contentBoxSize[0];
    if (!laidOut || laidOut.inlineSize === 0) return;
    const exact = isExact ? entry.devicePixelContentBoxSize[0] : undefined;
    tell({ width: snapped(laidOut.inlineSize, exact?.inlineSize), height: snapped(laidOut.blockSize, exact?.blockSize) });
  });
  watch.observe(element, isExact ? { box: "device-pixel-content-box" } : {});
  return () => watch.disconnect();
}

/** A browser that plays a phone counts the pixels of the computer's screen: then the layout is what to go by. */
function snapped(laidOut: number, exact: number | undefined): number {
  const pixels = laidOut * devicePixelRatio;
  return (exact !== undefined && Math.abs(exact - pixels) <= 1 ? exact : Math.round(pixels)) / devicePixelRatio;
}
