/** Places on the image and on the screen. Stored pixels have their origin at the top left corner of the first pixel. */

import type { Box, ImageInfo, Point, ViewResult } from "../feed";

/** What of the image the pane shows: CSS pixels for each stored pixel, and the stored pixel in the pane's middle. */
export interface Place {
  scale: number;
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

/** The part of the stored image that the codestream covers: the breast's box, or all of it. */
export function coveredBox(info: ImageInfo): Box {
  const [column, row, width, height] = info.box;
  const isCut = info.columns === width && info.rows === height;
  return isCut ? [column, row, width, height] : [0, 0, info.stored.columns, info.stored.rows];
}

/**
 * Whether the image has to be mirrored for the nipple to point outward: right breasts hang on the left with the chest
 * wall at their right edge, left breasts the other way round. The breast's box tells at which edge the chest wall is.
 */
export function hangsMirrored(info: ImageInfo, view: ViewResult): boolean {
  const [column, , width] = info.box;
  const before = column;
  const behind = info.stored.columns - column - width;
  // Within two hundredths of the width nobody can tell.
  if (Math.abs(before - behind) < 0.02 * info.stored.columns) return false;
  const wallAtRight = behind < before;
  return view.laterality === "R" ? !wallAtRight : view.laterality === "L" ? wallAtRight : false;
}

/** The scale at which the breast just fits into the pane. */
export function fittingScale(info: ImageInfo, pane: Size): number {
  return Math.min(pane.width / info.box[2], pane.height / info.box[3]);
}

/** The breast at that scale: its chest wall at the pane's inner edge, so that two hang back to back; alone, in the middle. */
export function hung(info: ImageInfo, view: ViewResult, pane: Size, scale: number, alone: boolean): Place {
  const [column, row, width, height] = info.box;
  const half = pane.width / 2 / scale;
  // On the screen the wall of a right breast is at the right; in a mirrored image that is the box's left edge.
  const wallAtRightOfScreen = view.laterality === "R";
  const wallAtRightOfImage = wallAtRightOfScreen !== hangsMirrored(info, view);
  const middle = column + width / 2;
  const x = alone || view.laterality === null ? middle : wallAtRightOfImage ? column + width - half : column + half;
  return { scale, x, y: row + height / 2 };
}

/** Keeps the image from being lost: the middle of the pane stays on the stored image. */
export function kept(place: Place, info: ImageInfo, limits: { least: number; most: number }): Place {
  return {
    scale: Math.min(limits.most, Math.max(limits.least, place.scale)),
    x: Math.min(info.stored.columns, Math.max(0, place.x)),
    y: Math.min(info.stored.rows, Math.max(0, place.y)),
  };
}

/** The stored pixel under a point of the pane, in CSS pixels from its top left corner. */
export function toImage(point: Point, place: Place, pane: Size, mirrored: boolean): Point {
  const dx = (point[0] - pane.width / 2) / place.scale;
  return [place.x + (mirrored ? -dx : dx), place.y + (point[1] - pane.height / 2) / place.scale];
}

/** The place that has `image` under `point` at another scale: zooming about a finger. */
export function zoomedAbout(point: Point, image: Point, scale: number, pane: Size, mirrored: boolean): Place {
  const dx = (point[0] - pane.width / 2) / scale;
  return { scale, x: image[0] - (mirrored ? -dx : dx), y: image[1] - (point[1] - pane.height / 2) / scale };
}

/**
 * How stored pixels become CSS pixels of the pane: [a, b, c, d, e, f] of a matrix as SVG and CSS write it. At 1:1 each
 * stored pixel falls on one pixel of the screen, of which a CSS pixel has `density`: nothing is mixed then.
 */
export function matrixOf(place: Place, pane: Size, mirrored: boolean, density: number): [number, number, number, number, number, number] {
  const sx = mirrored ? -place.scale : place.scale;
  const isOneToOne = Math.abs(place.scale * density - 1) < 1e-6;
  const whole = (length: number): number => (isOneToOne ? Math.round(length * density) / density : length);
  return [sx, 0, 0, place.scale, whole(pane.width / 2 - place.x * sx), whole(pane.height / 2 - place.y * place.scale)];
}
