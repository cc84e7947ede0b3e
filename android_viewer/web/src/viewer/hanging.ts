/** How the images of a study hang: RCC and LCC above RMLO and LMLO, nipples outward; all others apart. */

import { computed, signal } from "@preact/signals";
import type { Study } from "../feed";
import { fittingScale } from "./geometry";
import { Layers } from "./layers";
import { Decoder } from "./pixels";
import { MammogramView } from "./view";

export const PLACES = ["R CC", "L CC", "R MLO", "L MLO"] as const;

export class Hanging {
  readonly layers = new Layers();
  private readonly decoder = new Decoder();
  /** The view at each of the four places, null where there is none. */
  readonly four: (MammogramView | null)[];
  readonly others: MammogramView[];
  /** Those at their places; a signal, since the scale is asked for before they are all made. */
  private readonly hanging = signal<MammogramView[]>([]);
  /** CSS pixels for each millimetre (or pixel, where the images don't say) at which every hanging breast fits. */
  private readonly scale = computed<number | null>(() => {
    const scales = this.hanging.value.flatMap((view) => {
      const info = view.info.value;
      const { width } = view.pane.value;
      return info && width > 0 && !view.alone.value ? [fittingScale(info, view.pane.value) / (info.pixel_spacing_mm ?? 1)] : [];
    });
    return scales.length > 0 ? Math.min(...scales) : null;
  });

  constructor(study: Study) {
    const views = study.views.map(
      (result) => new MammogramView(study.study_instance_uid, result, this.decoder, this.layers, () => this.scale.value),
    );
    this.four = PLACES.map((place) => views.find(({ result }) => `${result.laterality} ${result.view}` === place) ?? null);
    this.hanging.value = this.four.filter((view) => view !== null);
    this.others = views.filter((view) => !this.four.includes(view));
  }

  get all(): MammogramView[] {
    return [...this.hanging.value, ...this.others];
  }

  end(): void {
    for (const view of this.all) view.end();
    this.decoder.end();
  }
}
