import { useEffect, useRef } from "preact/hooks";
import { useComputed } from "@preact/signals";
import { texts, viewName } from "../texts";
import { listen } from "./gestures";
import { keysOf } from "./keys";
import type { Layers } from "./layers";
import { Marks } from "./marks";
import { watchSize } from "./size";
import type { MammogramView } from "./view";

interface Props {
  view: MammogramView;
  layers: Layers;
  focused: boolean;
  hidden: boolean;
  /** Whether one finger changes the window instead of moving the image. */
  windowing: () => boolean;
  toggleWindowing: () => void;
  onOpen: () => void;
  onClose: () => void;
}

/** One image with its name, its badge, and what lies above it. */
export function Pane({ view, layers, focused, hidden, windowing, toggleWindowing, onOpen, onClose }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const name = viewName(view.result);
  const now = useRef({ focused, onOpen, onClose, toggleWindowing });
  now.current = { focused, onOpen, onClose, toggleWindowing };

  useEffect(() => (canvas.current ? view.attach(canvas.current) : undefined), [view]);
  useEffect(() => {
    const element = frame.current;
    if (!element) return undefined;
    const stopWatching = watchSize(element, (size) => view.resize(size));
    const stop = listen(element, {
      isFocused: () => now.current.focused,
      open: () => now.current.onOpen(),
      drag: (dx, dy) => (windowing() ? view.adjustWindow(dx, dy) : view.moveBy(dx, dy)),
      pinch: (about, factor, dx, dy) => {
        view.moveBy(dx, dy);
        view.zoom(about, factor);
      },
      doubleTap: (at) => (view.isFitted() ? view.oneToOne(at) : view.fit()),
      rest: () => view.rest(),
    });
    return () => {
      stopWatching();
      stop();
    };
  }, [view]);
  useEffect(() => {
    view.alone.value = focused;
    if (focused) frame.current?.focus();
    else view.shrink();
  }, [view, focused]);

  const role = focused ? { role: "application" as const, tabIndex: 0, "aria-label": texts.tools.paneHelp(name) } : {};
  return (
    <div class={`pane ${focused ? "focused" : ""} side-${view.result.laterality ?? "none"}`} hidden={hidden} data-view={name}>
      <div
        class="frame"
        ref={frame}
        {...role}
        aria-busy={view.levels.busy.value}
        onKeyDown={(event) => {
          if (focused) keysOf(event, view, layers, windowing(), now.current.toggleWindowing, now.current.onClose);
        }}
      >
        <Picture view={view} />
        <canvas ref={canvas} class={view.state.value === "pixels" ? "" : "empty"} aria-hidden="true" />
        {layers.marks.value && view.info.value && <Marks view={view} />}
      </div>
      {!focused && (
        <button type="button" class="open" aria-label={texts.study.open(name)} onClick={onOpen}>
          <span aria-hidden="true">{name}</span>
        </button>
      )}
      {focused && <span class="pane-name">{name}</span>}
      <Badge view={view} focused={focused} />
      <State view={view} layers={layers} />
    </div>
  );
}

/** The lossy preview, under the canvas: it is seen until the first pixels are there. */
function Picture({ view }: { view: MammogramView }) {
  const transform = useComputed(() => `matrix(${view.matrix.value.join(",")})`);
  const info = view.info.value;
  const box = view.covered.value;
  const address = view.preview.address.value;
  if (!address || !info || !box || view.state.value === "pixels") return null;
  const style = { transform: `${transform.value} translate(${box[0]}px, ${box[1]}px)`, width: `${box[2]}px`, height: `${box[3]}px` };
  return <img class="preview" src={address} alt="" draggable={false} style={style} />;
}

/** What exactly is shown; in a focused view also the way to the original. */
function Badge({ view, focused }: { view: MammogramView; focused: boolean }) {
  const state = view.state.value;
  if (state !== "pixels" && state !== "preview") return null;
  const percent = view.levels.progress.value;
  const text = view.isLossless.value
    ? texts.badge.lossless
    : percent !== null
      ? texts.badge.progress(percent)
      : texts.badge.lossy(view.ratio.value);
  const more = view.mirrored.value ? ` · ${texts.study.mirrored}` : "";
  if (focused && !view.isLossless.value && view.hasGraphics.value) {
    return (
      <button type="button" class="badge" onClick={() => view.loadLossless()}>
        {text}
        {more} – {texts.badge.loadLossless}
      </button>
    );
  }
  return (
    <span class={`badge ${view.isLossless.value ? "lossless" : ""}`}>
      {text}
      {more}
    </span>
  );
}

function State({ view, layers }: { view: MammogramView; layers: Layers }) {
  const state = view.state.value;
  const text =
    view.levels.verified.value === false
      ? texts.study.wrongPixels
      : !view.hasGraphics.value && state === "preview"
        ? texts.study.noGraphics
        : view.lacksHeat.value && layers.heat.value
          ? texts.tools.noHeat
          : { asking: texts.study.loading, preparing: texts.study.notReady, failed: view.problem.value || texts.study.noImage, preview: "", pixels: "" }[state];
  return text ? <p class="pane-state">{text}</p> : null;
}
