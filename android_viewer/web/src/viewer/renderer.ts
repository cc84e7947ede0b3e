/** Draws 16-bit pixels through a window with WebGL2, and a heat map above them. */

import type { Box } from "../feed";
import { FRAGMENT_HEAT, FRAGMENT_PIXELS, VERTEX } from "./shaders";

/** Phones guarantee textures of 2048 a side. Each tile shares a row and a column of pixels with its neighbours. */
const TILE = 2048;
const STEP = TILE - 2;

export interface Pixels {
  columns: number;
  rows: number;
  samples: Uint16Array;
}

export interface Grey {
  center: number;
  width: number;
  /** LINEAR, LINEAR_EXACT or SIGMOID (PS3.3 C.11.2.1.2 and C.11.2.1.3). */
  function: string | null;
  inverted: boolean;
}

interface Tile {
  texture: WebGLTexture;
  /** In the level's pixels: what it draws, and where its texture begins and how large it is. */
  drawn: Box;
  held: Box;
}

interface Layer {
  columns: number;
  rows: number;
  /** Where it lies in the stored image. */
  box: Box;
  tiles: Tile[];
}

/** A matrix that takes stored pixels to the pane (CSS pixels), as `matrixOf` makes it. */
type Matrix = readonly [number, number, number, number, number, number];

export class Renderer {
  private readonly gl: WebGL2RenderingContext;
  private readonly pixels: WebGLProgram;
  private readonly heatProgram: WebGLProgram;
  private readonly layers: Layer[] = [];
  private heat: { texture: WebGLTexture; box: Box } | null = null;

  /** Throws when the browser gives no WebGL2. */
  constructor(readonly canvas: HTMLCanvasElement) {
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: false, depth: false });
    if (!gl) throw new Error("no WebGL2");
    this.gl = gl;
    this.pixels = program(gl, VERTEX, FRAGMENT_PIXELS);
    this.heatProgram = program(gl, VERTEX, FRAGMENT_HEAT);
    gl.bindVertexArray(gl.createVertexArray());
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  }

  /** Adds a resolution level; finer ones go last. */
  addLevel(level: Pixels, box: Box): void {
    const gl = this.gl;
    const tiles: Tile[] = [];
    for (let top = 0; top < level.rows; top += STEP) {
      for (let left = 0; left < level.columns; left += STEP) {
        const width = Math.min(STEP, level.columns - left);
        const height = Math.min(STEP, level.rows - top);
        const x = Math.max(0, left - 1);
        const y = Math.max(0, top - 1);
        const held: Box = [x, y, Math.min(level.columns, left + width + 1) - x, Math.min(level.rows, top + height + 1) - y];
        gl.pixelStorei(gl.UNPACK_ROW_LENGTH, level.columns);
        gl.pixelStorei(gl.UNPACK_SKIP_PIXELS, x);
        gl.pixelStorei(gl.UNPACK_SKIP_ROWS, y);
        const texture = newTexture(gl, gl.NEAREST);
        gl.texImage2D(gl.TEXTURE_2D, 0, gl.R16UI, held[2], held[3], 0, gl.RED_INTEGER, gl.UNSIGNED_SHORT, level.samples);
        tiles.push({ texture, drawn: [left, top, width, height], held });
      }
    }
    gl.pixelStorei(gl.UNPACK_ROW_LENGTH, 0);
    gl.pixelStorei(gl.UNPACK_SKIP_PIXELS, 0);
    gl.pixelStorei(gl.UNPACK_SKIP_ROWS, 0);
    this.layers.push({ columns: level.columns, rows: level.rows, box, tiles });
  }

  /** Frees all levels but the first `count`. */
  keepLevels(count: number): void {
    for (const layer of this.layers.splice(count)) for (const tile of layer.tiles) this.gl.deleteTexture(tile.texture);
  }

  get hasHeat(): boolean {
    return this.heat !== null;
  }

  setHeat(bitmap: ImageBitmap, box: Box): void {
    const gl = this.gl;
    if (this.heat) gl.deleteTexture(this.heat.texture);
    const texture = newTexture(gl, gl.LINEAR);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, gl.RED, gl.UNSIGNED_BYTE, bitmap);
    this.heat = { texture, box };
  }

  /**
   * Draws level `index`, and the heat map where `opacity` (0 to 1) is above 0. `pane` is in CSS pixels; the canvas has
   * `density` device pixels for each.
   */
  draw(index: number, matrix: Matrix, pane: { width: number; height: number }, density: number, grey: Grey, opacity: number): void {
    const gl = this.gl;
    const width = Math.round(pane.width * density);
    const height = Math.round(pane.height * density);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const layer = this.layers[index];
    if (layer) this.drawLayer(layer, matrix, pane, grey);
    if (this.heat && opacity > 0) this.drawHeat(this.heat, matrix, pane, opacity);
  }

  dispose(): void {
    this.keepLevels(0);
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  private drawLayer(layer: Layer, matrix: Matrix, pane: { width: number; height: number }, grey: Grey): void {
    const gl = this.gl;
    const at = (name: string): WebGLUniformLocation | null => gl.getUniformLocation(this.pixels, name);
    gl.useProgram(this.pixels);
    gl.disable(gl.BLEND);
    gl.uniform1i(at("samples"), 0);
    gl.uniform2f(at("window"), grey.center, grey.width);
    gl.uniform1i(at("shape"), grey.function === "SIGMOID" ? 2 : grey.function === "LINEAR_EXACT" ? 1 : 0);
    gl.uniform1i(at("inverted"), grey.inverted ? 1 : 0);
    // Stored pixels for each pixel of the level, in both directions: levels are rounded up, so they differ a little.
    const sx = layer.box[2] / layer.columns;
    const sy = layer.box[3] / layer.rows;
    for (const { texture, drawn, held } of layer.tiles) {
      const box: Box = [layer.box[0] + drawn[0] * sx, layer.box[1] + drawn[1] * sy, drawn[2] * sx, drawn[3] * sy];
      placeQuad(gl, this.pixels, box, matrix, pane);
      gl.uniform4f(at("part"), drawn[0] - held[0], drawn[1] - held[1], drawn[2], drawn[3]);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    }
  }

  private drawHeat(heat: { texture: WebGLTexture; box: Box }, matrix: Matrix, pane: { width: number; height: number }, opacity: number): void {
    const gl = this.gl;
    gl.useProgram(this.heatProgram);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    placeQuad(gl, this.heatProgram, heat.box, matrix, pane);
    gl.uniform4f(gl.getUniformLocation(this.heatProgram, "part"), 0, 0, 1, 1);
    gl.uniform1f(gl.getUniformLocation(this.heatProgram, "opacity"), opacity);
    gl.bindTexture(gl.TEXTURE_2D, heat.texture);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }
}

/** Sets the corners of the quad in clip space from a box of stored pixels. */
function placeQuad(gl: WebGL2RenderingContext, used: WebGLProgram, box: Box, matrix: Matrix, pane: { width: number; height: number }): void {
  const [a, , , d, e, f] = matrix;
  const left = ((box[0] * a + e) / pane.width) * 2 - 1;
  const right = (((box[0] + box[2]) * a + e) / pane.width) * 2 - 1;
  const top = 1 - ((box[1] * d + f) / pane.height) * 2;
  const bottom = 1 - (((box[1] + box[3]) * d + f) / pane.height) * 2;
  gl.uniform4f(gl.getUniformLocation(used, "corners"), left, top, right, bottom);
}

function newTexture(gl: WebGL2RenderingContext, filter: number): WebGLTexture {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, filter);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, filter);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  return texture;
}

function program(gl: WebGL2RenderingContext, vertex: string, fragment: string): WebGLProgram {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]] as const) {
    const shader = gl.createShader(kind);
    if (!shader) throw new Error("the graphics context is lost");
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(made) ?? "");
  return made;
}
