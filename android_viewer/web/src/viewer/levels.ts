/** The resolution levels of one image: which are on the graphics processor, and loading those that are wanted. */

import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { Box } from "../feed";
import type { Decoder } from "./pixels";
import type { Renderer } from "./renderer";
import type { Step } from "./steps";

export class Levels {
  /** How many are held, from the coarsest on. */
  readonly held = signal(0);
  /** Whether all of them are. */
  readonly isWhole = computed(() => this.held.value > 0 && this.held.value === this.steps.value.length);
  /** Whether the finest one has the stored image's checksum; null until it is here. */
  readonly verified = signal<boolean | null>(null);
  /** Bytes of the whole image while it is being fetched, in percent; null while it is not. */
  readonly progress = signal<number | null>(null);
  readonly busy = signal(false);

  private renderer: Renderer | null = null;
  private wanted = 0;

  constructor(
    private readonly decoder: Decoder,
    private readonly steps: ReadonlySignal<Step[]>,
    /** Where they lie in the stored image. */
    private readonly box: ReadonlySignal<Box | null>,
    private readonly whenFailed: (error: unknown) => void,
  ) {}

  /** From now on levels go to this renderer; what another one held is lost. */
  use(renderer: Renderer | null): void {
    this.renderer = renderer;
    this.held.value = 0;
    this.verified.value = null;
  }

  /** Loads one level after the other until this one is there. */
  want(level: number): void {
    this.wanted = Math.max(this.wanted, level);
    if (!this.busy.value) void this.load();
  }

  /** Lets go of all but the coarsest. */
  shrink(): void {
    this.wanted = 0;
    this.renderer?.keepLevels(1);
    this.held.value = Math.min(1, this.held.value);
    this.verified.value = null;
  }

  private async load(): Promise<void> {
    if (this.steps.value.length === 0 || !this.renderer) return;
    this.busy.value = true;
    try {
      while (this.renderer && this.held.value <= this.wanted) await this.loadNext(this.renderer);
    } catch (error) {
      this.whenFailed(error);
    } finally {
      this.busy.value = false;
      this.progress.value = null;
    }
  }

  private async loadNext(renderer: Renderer): Promise<void> {
    const steps = this.steps.value;
    const box = this.box.value;
    const finest = steps.length - 1;
    // Coarser ones are the beginning of the finer, so they cost few bytes. They keep what is shrunk smooth.
    const index = this.held.value;
    const step = steps[index];
    if (!step || !box) {
      this.wanted = finest;
      return;
    }
    const { samples, verified } = await this.decoder.decode(step, (received) => {
      if (index === finest && finest > 0) this.progress.value = Math.floor((100 * received) / step.bytes);
    });
    // In the meantime the context may be lost, or the view shrunk.
    if (renderer !== this.renderer || this.held.value !== index || this.wanted < index) return;
    renderer.addLevel({ columns: step.columns, rows: step.rows, samples }, box);
    this.verified.value = verified;
    this.held.value = index + 1;
  }
}
