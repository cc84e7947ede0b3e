/**
 * What runs on the graphics processor. Integer textures have no filter of their own: enlarged, the four neighbours are
 * mixed here; reduced, all pixels under a pixel of the screen are averaged, or calcifications would come and go.
 */

/** One quad without buffers: `corners` is left, top, right, bottom in clip space; `part` where that lies in the texture. */
export const VERTEX = `#version 300 es
uniform vec4 corners;
uniform vec4 part;
out vec2 place;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  place = part.xy + corner * part.zw;
  gl_Position = vec4(mix(corners.xy, corners.zw, corner), 0.0, 1.0);
}`;

export const FRAGMENT_PIXELS = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;
uniform usampler2D samples;
uniform vec2 window;
uniform int shape;
uniform bool inverted;
in vec2 place;
out vec4 colour;

float at(ivec2 pixel) {
  return float(texelFetch(samples, clamp(pixel, ivec2(0), textureSize(samples, 0) - 1), 0).r);
}

float mixed() {
  vec2 centred = place - 0.5;
  ivec2 pixel = ivec2(floor(centred));
  vec2 share = centred - floor(centred);
  return mix(
    mix(at(pixel), at(pixel + ivec2(1, 0)), share.x),
    mix(at(pixel + ivec2(0, 1)), at(pixel + ivec2(1, 1)), share.x),
    share.y);
}

float averaged(int side) {
  ivec2 first = ivec2(floor(place - 0.5 * float(side) + 0.5));
  float sum = 0.0;
  for (int y = 0; y < side; y++) for (int x = 0; x < side; x++) sum += at(first + ivec2(x, y));
  return sum / float(side * side);
}

void main() {
  int side = min(8, int(round(fwidth(place.x))));
  float value = side > 1 ? averaged(side) : mixed();
  float grey;
  if (shape == 2) grey = 1.0 / (1.0 + exp(-4.0 * (value - window.x) / window.y));
  else if (shape == 1) grey = (value - window.x) / window.y + 0.5;
  else grey = (value - (window.x - 0.5)) / max(window.y - 1.0, 1e-6) + 0.5;
  grey = clamp(grey, 0.0, 1.0);
  colour = vec4(vec3(inverted ? 1.0 - grey : grey), 1.0);
}`;

/** Yellow where it is weak, red where it is strong; below 0.15, where all tissue is, nothing. The legend says so. */
export const FRAGMENT_HEAT = `#version 300 es
precision highp float;
uniform sampler2D heat;
uniform float opacity;
in vec2 place;
out vec4 colour;
void main() {
  float value = texture(heat, place).r;
  colour = vec4(1.0, 0.85 * (1.0 - value), 0.05, opacity * smoothstep(0.15, 0.75, value));
}`;
