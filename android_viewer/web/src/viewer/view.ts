/** One mammogram on the screen: what is loaded of it, what of it is shown, and through which window. */

import { computed, effect, signal, untracked } from "@preact/signals";
import { BY_ITSELF, feed, FeedError, imagePath, isPassing, type ImageInfo, type ImageWindow, type Point, type ViewResult } from "../feed";
import { askWhoIsLoggedIn } from "../session";
import { problemText } from "../texts";
import { coveredBox, fittingScale, hangsMirrored, hung, kept, matrixOf, toImage, zoomedAbout, type Place, type Size } from "./geometry";
import type { Layers } from "./layers";
import { Levels } from "./levels";
import { DecodingFailed, type Decoder } from "./pixels";
import { Preview } from "./preview";
import { Renderer } from "./renderer";
import { overviewPath, stepFor, stepsOf } from "./steps";

export type State = "asking" | "preparing" | "preview" | "pixels" | "failed";

const ASK_AGAIN_MS = 3_000;
/** So often pixels that could not be had are asked for again by themselves. */
const DECODINGS = 5;

export class MammogramView {
  readonly info = signal<ImageInfo | null>(null);
  readonly state = signal<State>("asking");
  /** Why there is no image, in the gateway's own words. */
  readonly problem = signal("");
  readonly preview: Preview;
  readonly window = signal<ImageWindow>({ name: null, center: 0, width: 1, function: null });
  readonly place = signal<Place>({ scale: 1, x: 0, y: 0 });
  readonly pane = signal<Size>({ width: 0, height: 0 });
  /** Which level is drawn; -1 for none. */
  readonly drawn = signal(-1);
  readonly levels: Levels;
  readonly hasGraphics = signal(true);
  /** Whether the heat map was asked for and is not here. */
  readonly lacksHeat = signal(false);
  /** Whether it has the screen for itself, or hangs with the others. */
  readonly alone = signal(false);
  readonly covered = computed(() => (this.info.value ? coveredBox(this.info.value) : null));
  readonly mirrored = computed(() => (this.info.value ? hangsMirrored(this.info.value, this.result) : false));
  readonly matrix = computed(() => matrixOf(this.place.value, this.pane.value, this.mirrored.value, devicePixelRatio));
  readonly steps = computed(() => (this.info.value ? stepsOf(this.study, this.info.value) : []));
  /** Which of them suits the size at which the image is shown. */
  private readonly step = computed(() => stepFor(this.steps.value, this.covered.value?.[2] ?? 0, this.place.value.scale * devicePixelRatio));
  readonly isLossless = computed(() => {
    const { length } = this.steps.value;
    return length > 0 && this.drawn.value === length - 1 && this.levels.verified.value === true;
  });
  /** How much coarser than the original what is shown is: 4 stands for 1:4. */
  readonly ratio = computed(() => {
    const step = this.steps.value[Math.max(0, this.drawn.value)];
    return step ? Math.max(1, Math.round((this.covered.value?.[2] ?? 0) / step.columns)) : 1;
  });

  private renderer: Renderer | null = null;
  private heatLoading = false;
  private heatTimer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private placed = false;
  private frame = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private ended = false;
  private readonly cleanUps: (() => void)[] = [];

  constructor(
    readonly study: string,
    readonly result: ViewResult,
    private readonly decoder: Decoder,
    private readonly layers: Layers,
    /** CSS pixels for each unit of length that all hanging views share, or null while that is not known. */
    private readonly sharedScale: () => number | null,
  ) {
    this.preview = new Preview(imagePath(study, result.sop_instance_uid, "preview.webp"));
    this.levels = new Levels(decoder, this.steps, this.covered, (error) => this.failed(error));
    void this.ask();
    this.cleanUps.push(
      effect(() => {
        // Read here, so that a change of any of them draws anew.
        void [this.matrix.value, this.window.value, this.levels.held.value, this.layers.heat.value, this.layers.opacity.value];
        cancelAnimationFrame(this.frame);
        this.frame = requestAnimationFrame(() => this.draw());
      }),
      effect(() => {
        void [this.sharedScale(), this.alone.value];
        untracked(() => {
          if (!this.placed) this.fit();
        });
      }),
      effect(() => {
        if (this.layers.heat.value && this.info.value?.heat) untracked(() => void this.loadHeat());
      }),
    );
  }

  /** Takes the canvas to draw on; the returned function gives it back. */
  attach(canvas: HTMLCanvasElement): () => void {
    const lost = (event: Event): void => {
      event.preventDefault();
      this.forgetPixels();
      void this.fallBack();
    };
    const restored = (): void => this.begin(canvas);
    canvas.addEventListener("webglcontextlost", lost);
    canvas.addEventListener("webglcontextrestored", restored);
    this.begin(canvas);
    return () => {
      canvas.removeEventListener("webglcontextlost", lost);
      canvas.removeEventListener("webglcontextrestored", restored);
      this.renderer?.dispose();
      this.forgetPixels();
    };
  }

  end(): void {
    this.ended = true;
    clearTimeout(this.timer);
    clearTimeout(this.heatTimer);
    cancelAnimationFrame(this.frame);
    for (const cleanUp of this.cleanUps) cleanUp();
    this.preview.end();
  }

  resize(pane: Size): void {
    this.pane.value = pane;
    if (!this.placed) this.fit();
  }

  /** Shows the whole breast: as large as it can be, or at the scale that all hanging views share. */
  fit(): void {
    const info = this.info.value;
    const pane = this.pane.value;
    if (!info || pane.width === 0) return;
    const alone = fittingScale(info, pane);
    const common = this.alone.value ? null : this.sharedScale();
    this.placed = false;
    const scale = common === null ? alone : Math.min(alone, common * (info.pixel_spacing_mm ?? 1));
    this.place.value = hung(info, this.result, pane, scale, this.alone.value);
    this.rest();
  }

  /** One stored pixel on one pixel of the screen, about a point of the pane. */
  oneToOne(at: Point): void {
    this.placed = true;
    const image = toImage(at, this.place.value, this.pane.value, this.mirrored.value);
    this.place.value = zoomedAbout(at, image, 1 / devicePixelRatio, this.pane.value, this.mirrored.value);
    this.loadLossless();
  }

  isFitted(): boolean {
    const info = this.info.value;
    return info !== null && Math.abs(this.place.value.scale / fittingScale(info, this.pane.value) - 1) < 0.02;
  }

  /** Shows a point of the stored image in the middle, close enough to see what is there. */
  showPoint(point: Point): void {
    const info = this.info.value;
    if (!info) return;
    this.placed = true;
    this.place.value = { scale: Math.min(1 / devicePixelRatio, 2.5 * fittingScale(info, this.pane.value)), x: point[0], y: point[1] };
    this.rest();
  }

  moveBy(dx: number, dy: number): void {
    const { scale, x, y } = this.place.value;
    this.change({ scale, x: x - (this.mirrored.value ? -dx : dx) / scale, y: y - dy / scale });
  }

  zoom(about: Point, factor: number): void {
    const info = this.info.value;
    if (!info) return;
    const { least, most } = this.limits(info);
    const scale = Math.min(most, Math.max(least, this.place.value.scale * factor));
    const image = toImage(about, this.place.value, this.pane.value, this.mirrored.value);
    this.change(zoomedAbout(about, image, scale, this.pane.value, this.mirrored.value));
  }

  /** Sideways changes the width, up and down the centre; the whole pane is as much as the window is wide. */
  adjustWindow(dx: number, dy: number): void {
    const now = this.window.value;
    const { width, height } = this.pane.value;
    const most = 2 ** (this.info.value?.bits ?? 16) * 2;
    this.window.value = {
      ...now,
      name: null,
      width: Math.min(most, Math.max(2, now.width * Math.exp((1.5 * dx) / Math.max(1, width)))),
      center: Math.min(most, Math.max(0, now.center + (dy / Math.max(1, height)) * now.width)),
    };
  }

  /** To be called when a gesture is over: loads what the eye could tell apart now. */
  rest(): void {
    if (this.info.value) this.levels.want(this.step.value);
  }

  loadLossless(): void {
    this.levels.want(this.steps.value.length - 1);
  }

  /** Back among the others: lets go of all but what hangs. */
  shrink(): void {
    this.placed = false;
    this.levels.shrink();
  }

  private async ask(options: RequestInit = {}): Promise<void> {
    // Together with the description it is all that is needed to show the image.
    this.decoder.ahead(overviewPath(this.study, this.result.sop_instance_uid));
    try {
      const info = await feed.image(this.study, this.result.sop_instance_uid, options);
      if (this.ended) return;
      this.problem.value = "";
      if (this.state.value === "failed") this.state.value = "asking";
      this.window.value = info.windows[0] ?? { name: null, center: 2 ** (info.bits - 1), width: 2 ** info.bits, function: null };
      this.info.value = info;
      this.fit();
      if (!this.hasGraphics.value) await this.fallBack();
      this.levels.want(this.step.value);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Shows the lossy preview where pixels can't be drawn. */
  private async fallBack(): Promise<void> {
    try {
      await this.preview.load();
      if (this.state.value !== "pixels") this.state.value = "preview";
    } catch (error) {
      this.failed(error);
    }
  }

  /** Gives the renderer the heat map, which each new one needs again. What failed is tried again while it is wanted. */
  private async loadHeat(): Promise<void> {
    const heat = this.info.value?.heat;
    if (!heat || !this.layers.heat.value || !this.renderer || this.renderer.hasHeat || this.heatLoading) return;
    this.heatLoading = true;
    try {
      const picture = await feed.file(imagePath(this.study, this.result.sop_instance_uid, "heat.png"));
      const bitmap = await createImageBitmap(picture, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
      // The one that is there now: the context may have been lost meanwhile.
      this.renderer?.setHeat(bitmap, heat.box);
      bitmap.close();
      this.lacksHeat.value = false;
      this.draw();
    } catch (error) {
      if (this.ended) return;
      this.lacksHeat.value = true;
      if (!(error instanceof FeedError)) throw error;
      if (isPassing(error)) this.heatTimer = setTimeout(() => void this.loadHeat(), ASK_AGAIN_MS);
    } finally {
      this.heatLoading = false;
    }
  }

  private draw(): void {
    const info = untracked(() => this.info.value);
    const renderer = this.renderer;
    const pane = this.pane.value;
    if (!info || !renderer || this.levels.held.value === 0 || pane.width === 0) return;
    // Once the original is here, it is what is shown, at whatever size.
    const index = this.levels.isWhole.value ? this.steps.value.length - 1 : Math.min(this.levels.held.value - 1, this.step.value);
    const grey = { ...this.window.value, inverted: info.monochrome1 };
    const opacity = this.layers.heat.value ? this.layers.opacity.value : 0;
    renderer.draw(index, this.matrix.value, pane, devicePixelRatio, grey, opacity);
    this.drawn.value = index;
    this.state.value = "pixels";
  }

  private begin(canvas: HTMLCanvasElement): void {
    try {
      this.renderer = new Renderer(canvas);
      this.levels.use(this.renderer);
      this.rest();
      void this.loadHeat();
    } catch {
      this.hasGraphics.value = false;
      if (this.info.value) void this.fallBack();
    }
  }

  private forgetPixels(): void {
    this.renderer = null;
    this.levels.use(null);
    this.drawn.value = -1;
    if (this.state.value === "pixels") this.state.value = "preview";
  }

  private change(place: Place): void {
    const info = this.info.value;
    if (!info) return;
    this.placed = true;
    this.place.value = kept(place, info, this.limits(info));
  }

  private limits(info: ImageInfo): { least: number; most: number } {
    return { least: fittingScale(info, this.pane.value) / 2, most: 8 / devicePixelRatio };
  }

  private failed(error: unknown): void {
    if (this.ended) return;
    if (error instanceof FeedError && error.code === "not_ready") {
      this.state.value = "preparing";
      this.askAgain();
      return;
    }
    if (error instanceof DecodingFailed) {
      if (error.status === 401) void askWhoIsLoggedIn();
      else if (this.failures++ < DECODINGS) this.after(() => this.rest());
      if (error.status !== 401 && this.state.value !== "pixels" && !this.preview.address.value) {
        void this.fallBack();
        return;
      }
    }
    if (error instanceof FeedError) {
      this.problem.value = problemText(error);
      if (isPassing(error)) this.askAgain();
    }
    this.state.value = this.preview.address.value ? this.state.value : "failed";
    if (!(error instanceof FeedError || error instanceof DecodingFailed)) throw error;
  }

  private askAgain(): void {
    this.after(() => void this.ask(BY_ITSELF));
  }

  private after(work: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(work, ASK_AGAIN_MS);
  }
}
