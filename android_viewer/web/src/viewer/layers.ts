/** What lies above the images. All of it is off until somebody asks for it: first the image, then what a program says. */

import { signal } from "@preact/signals";

export class Layers {
  readonly heat = signal(false);
  /** 0 to 1. */
  readonly opacity = signal(0.5);
  readonly marks = signal(false);
}
