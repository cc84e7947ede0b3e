/** In which steps an image is loaded, coarsest first: the lossy overview, then the lossless levels that are finer. */

import { imagePath, type ImageInfo } from "../feed";
import { coveredBox } from "./geometry";

export interface Step {
  rows: number;
  columns: number;
  path: string;
  /** How many bytes from the start of the file it needs, and how many the file has. */
  bytes: number;
  total: number;
  /** How many of the finest resolutions of the file to leave out. */
  skip: number;
  /** From a decoded value to a served one; null where they are the same. */
  values: { slope: number; intercept: number } | null;
  /** What the pixels' SHA-256 must be; of the original only, which is the last step. */
  sha256: string | null;
}

export function stepsOf(study: string, info: ImageInfo): Step[] {
  const { overview, levels, codestream } = info;
  const width = coveredBox(info)[2];
  const finest = levels.length - 1;
  const path = imagePath(study, info.sop_instance_uid, "pixels.jph");
  const lossless = levels.map((level, index) => ({
    ...level,
    path,
    total: codestream.bytes,
    skip: Math.round(Math.log2(width / level.columns)),
    values: null,
    sha256: index === finest ? codestream.pixel_sha256 : null,
  }));
  if (!overview || overview.columns >= width) return lossless;
  const { rows, columns, bytes, slope, intercept } = overview;
  const first = { rows, columns, bytes, total: bytes, path: overviewPath(study, info.sop_instance_uid), skip: 0, values: { slope, intercept }, sha256: null };
  return [first, ...lossless.filter((level) => level.columns > columns)];
}

export const overviewPath = (study: string, view: string): string => imagePath(study, view, "overview.jph");

/** The coarsest step that has nearly a pixel for each pixel of the screen: `scale` of these to one stored pixel. */
export function stepFor(steps: Step[], width: number, scale: number): number {
  const found = steps.findIndex((step) => step.columns / width >= 0.8 * scale);
  return found < 0 ? steps.length - 1 : found;
}
