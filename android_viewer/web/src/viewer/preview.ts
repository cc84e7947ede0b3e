/** The lossy preview in 8 bits: for where pixels can't be drawn. An address of this page's own memory. */

import { signal } from "@preact/signals";
import { feed } from "../feed";

export class Preview {
  readonly address = signal<string | null>(null);
  private ended = false;

  constructor(private readonly path: string) {}

  async load(): Promise<void> {
    if (this.address.value) return;
    const picture = await feed.file(this.path);
    if (!this.ended) this.address.value = URL.createObjectURL(picture);
  }

  end(): void {
    this.ended = true;
    if (this.address.value) URL.revokeObjectURL(this.address.value);
  }
}
