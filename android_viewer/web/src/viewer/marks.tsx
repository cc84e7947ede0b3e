import type { MammogramView } from "./view";

/** The outlines of the findings, above the image. What they say stands in words below the images. */
export function Marks({ view }: { view: MammogramView }) {
  const { width, height } = view.pane.value;
  return (
    <svg class="marks" viewBox={`0 0 ${Math.max(1, width)} ${Math.max(1, height)}`} aria-hidden="true">
      <g transform={`matrix(${view.matrix.value.join(" ")})`}>
        {view.result.findings.map((finding) => {
          const points = finding.outline.map((point) => point.join(",")).join(" ");
          return (
            <g key={finding.tracking_uid}>
              <polygon class="halo" points={points} />
              <polygon class={finding.type} points={points} />
            </g>
          );
        })}
      </g>
    </svg>
  );
}
