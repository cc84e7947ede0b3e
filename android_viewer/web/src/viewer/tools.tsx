import type { Signal } from "@preact/signals";
import type { ImageWindow } from "../feed";
import { texts } from "../texts";
import type { Layers } from "./layers";
import type { MammogramView } from "./view";

interface Props {
  view: MammogramView | null;
  layers: Layers;
  windowing: Signal<boolean>;
  onClose: () => void;
}

/** What can be done with the images: with all of them, and with the focused one. */
export function Tools({ view, layers, windowing, onClose }: Props) {
  return (
    <div class="tools" role="group" aria-label={texts.tools.title}>
      {view && (
        <>
          <button type="button" onClick={onClose}>
            {texts.study.allFour}
          </button>
          <button type="button" aria-pressed={windowing.value} onClick={() => (windowing.value = !windowing.value)}>
            {texts.tools.window}
          </button>
          <button type="button" onClick={() => view.fit()}>
            {texts.tools.fit}
          </button>
          <button type="button" onClick={() => view.oneToOne([view.pane.value.width / 2, view.pane.value.height / 2])}>
            {texts.tools.oneToOne}
          </button>
        </>
      )}
      <button type="button" aria-pressed={layers.marks.value} onClick={() => (layers.marks.value = !layers.marks.value)}>
        {texts.tools.marks}
      </button>
      <button type="button" aria-pressed={layers.heat.value} onClick={() => (layers.heat.value = !layers.heat.value)}>
        {texts.tools.heat}
      </button>
      {layers.heat.value && (
        <span class="heat">
          <input
            type="range"
            min="0"
            max="100"
            aria-label={texts.tools.opacity}
            value={Math.round(layers.opacity.value * 100)}
            onInput={(event) => (layers.opacity.value = Number(event.currentTarget.value) / 100)}
          />
          <span class="legend">
            {texts.tools.heatWeak} <span class="ramp" aria-hidden="true" /> {texts.tools.heatStrong}
          </span>
        </span>
      )}
      {view && <Window view={view} />}
    </div>
  );
}

/** The window in figures, and those that the image brings along. */
function Window({ view }: { view: MammogramView }) {
  const windows = view.info.value?.windows ?? [];
  const { center, width, name } = view.window.value;
  const choose = (chosen: ImageWindow | undefined): void => {
    if (chosen) view.window.value = chosen;
  };
  const nameOf = (item: ImageWindow): string => item.name || texts.tools.windowIs(item.center, item.width);
  const current = windows.findIndex((item) => item.center === center && item.width === width && item.name === name);
  return (
    <span class="window">
      <output>{texts.tools.windowIs(center, width)}</output>
      {windows.length > 0 && (
        <select aria-label={texts.tools.presets} value={String(current)} onChange={(event) => choose(windows[Number(event.currentTarget.value)])}>
          {current < 0 && <option value="-1">{texts.tools.ownWindow}</option>}
          {windows.map((item, index) => (
            <option key={index} value={String(index)}>
              {nameOf(item)}
            </option>
          ))}
        </select>
      )}
    </span>
  );
}
