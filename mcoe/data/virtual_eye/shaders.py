"""GLSL 3.30. Every picture is three basis images in one target: the eye under the key light alone (red), under the side
light alone (green) and under the surroundings alone (blue), each for one spectral response. Light adds up, so any
mixture of the three is a lighting, and one pass serves all four.

Skin: wrapped diffuse plus a rough highlight with relief from height maps. Eye: sclera with veins, iris seen through a
refracting cornea, a sharp highlight, darkening under the lids. Hair: Kajiya-Kay ribbons. Shadows and the lids'
darkening are looked up per vertex, in a pass of their own (an indexed draw would repeat it for every use of a vertex):
soft, and free of the noise that a dithered look-up would turn into events.
"""

_LIGHT = """
uniform mat4 VP, L0, L1;
uniform vec3 cam, d0, d1;
uniform vec2 penumbra;
uniform sampler2DShadow shade0, shade1;
uniform float ground;
const float PI = 3.14159265;
float lit(sampler2DShadow map, mat4 L, vec3 p, float size) {
  vec3 q = (L * vec4(p, 1)).xyz * .5 + .5;
  float sum = 0.;
  for (int i = 0; i < 8; i++) {
    float a = 2.39996 * float(i), r = size * sqrt((float(i) + .5) / 8.);
    sum += texture(map, vec3(q.xy + r * vec2(cos(a), sin(a)), q.z - .0015));
  }
  return sum / 8.;
}
float surround(vec3 n) { return mix(ground, 1., .5 + .5 * n.y); }
float highlight(vec3 n, vec3 v, vec3 l, float rough, float f0) {
  vec3 h = normalize(v + l);
  float a2 = rough * rough * rough * rough;
  float nh = max(dot(n, h), 0.), lh = max(dot(l, h), 0.);
  float d = nh * nh * (a2 - 1.) + 1.;
  float g = 1. - lh, fresnel = f0 + (1. - f0) * g * g * g * g * g;
  return fresnel * max(dot(n, l), 0.) * a2 / (PI * d * d * max(.1, lh * lh) * (4. * rough * rough + 2.));
}
"""

DEPTH_VERTEX = """#version 330
in vec3 p;
uniform mat4 L;
void main() { gl_Position = L * vec4(p, 1); }
"""

DEPTH_FRAGMENT = """#version 330
void main() {}
"""

#: Run once per vertex into a buffer: how much of the two lights arrives, and the distance to the lids.
ARRIVAL_VERTEX = (
    "#version 330\n"
    + _LIGHT
    + """
in vec3 p, n;
uniform vec3 centre;
uniform mat3 turn;
uniform float lift;
uniform int lids;
uniform vec4 lid[24];
out vec2 arrival;
out float lid_gap;
void main() {
  vec3 at = turn * (p - centre) + centre, m = turn * n, q = at + m * lift;
  arrival.x = dot(m, d0) < -.35 ? 0. : lit(shade0, L0, q, penumbra.x);
  arrival.y = dot(m, d1) < -.35 ? 0. : lit(shade1, L1, q, penumbra.y);
  float d = 9.;
  for (int i = 0; i < lids; i++) {
    if (lid[i].w != lid[i + 1].w) continue;
    vec3 a = lid[i].xyz, ab = lid[i + 1].xyz - a;
    float t = clamp(dot(at - a, ab) / dot(ab, ab), 0., 1.);
    d = min(d, length(at - a - ab * t) / (lid[i].w > .5 ? 1.5 : .8));
  }
  lid_gap = d;
}
"""
)

SKIN_VERTEX = """#version 330
in vec3 p, n, arrival;
in vec2 uv;
in float ao;
uniform mat4 VP;
out vec3 P, N, S;
out vec2 U;
void main() {
  P = p; N = n; U = uv; S = vec3(arrival.xy, ao);
  gl_Position = VP * vec4(p, 1);
}
"""

SKIN_FRAGMENT = (
    "#version 330\n"
    + _LIGHT
    + """
in vec3 P, N, S;
in vec2 U;
out vec4 o;
uniform sampler2D paint, folds;
uniform vec4 fold;
uniform vec2 fold2;
uniform float wrap, wetness, wet;
float soft(float x) {
  float t = clamp((x + wrap) / (1. + wrap), 0., 1.);
  return t * t;
}
void main() {
  vec3 n0 = normalize(N), v = normalize(cam - P);
  vec3 s = clamp(S, vec3(0, 0, .03), vec3(1));  // multisampling may extrapolate beyond the triangle
  float seen = s.z;
  vec4 t = texture(paint, U);
  float crease = dot((texture(folds, U) - .5) * 4., fold) + dot((t.zw - .5) * 4., fold2);
  float h = (crease + (t.y - .5) * .64) * (1. - wet);
  vec3 px = dFdx(P), py = dFdy(P), r1 = cross(py, n0), r2 = cross(n0, px);
  float det = dot(px, r1);
  vec3 bent = abs(det) * n0 - .05 * sign(det) * (dFdx(h) * r1 + dFdy(h) * r2);
  vec3 n = dot(bent, bent) > 0. ? normalize(bent) : n0;  // a sliver of a triangle has no slope
  float albedo = mix(t.x * t.x * (1. - .32 * clamp(-crease, 0., 1.5)), wetness, wet);
  float rough = mix(.48, .3, wet), gloss = 1. + .2 * wet;
  vec2 c = vec2(soft(dot(n, d0)), soft(dot(n, d1))) * s.xy * albedo / PI * mix(1., seen, .35);
  c += gloss * vec2(highlight(n, v, d0, rough, .028), highlight(n, v, d1, rough, .028)) * s.xy * seen;
  float around = (albedo * surround(n) + surround(reflect(-v, n)) * .025 * gloss) * seen;
  o = vec4(c, around, 1);
}
"""
)

EYE_VERTEX = """#version 330
in vec3 p, n, e, arrival;
uniform mat4 VP;
uniform vec3 centre;
uniform mat3 turn;
out vec3 P, N, E;
out vec2 S;
out float D;
void main() {
  P = turn * (p - centre) + centre;
  N = turn * n;
  E = e;
  S = arrival.xy;
  D = arrival.z;
  gl_Position = VP * vec4(P, 1);
}
"""

EYE_FRAGMENT = (
    "#version 330\n"
    + _LIGHT
    + """
in vec3 P, N, E;
in vec2 S;
in float D;
out vec4 o;
uniform mat3 frame;
uniform float pupil, veins;
uniform vec2 iris;
uniform vec3 sclera;
uniform sampler2D fibre;
void main() {
  vec3 n = normalize(N), v = normalize(cam - P);
  vec2 s = clamp(S, 0., 1.);
  float rho = length(E.xy) / .625 + (E.z < 0. ? 3. : 0.);
  float open = mix(.18, 1., smoothstep(-.02, .42, D));
  float side = clamp((rho - 1.15) / 1.1, 0., 1.);
  float white = mix(sclera.x, sclera.y, side * .8);
  float vein = abs(texture(fibre, E.xy * .35 + .5).y - .5);
  white *= mix(1., sclera.z, veins * side * smoothstep(.06, 0., vein));
  vec2 facing = vec2(dot(n, d0), dot(n, d1));
  float around = surround(n) * open;
  vec2 t = clamp((facing + .26) / 1.26, 0., 1.);
  vec3 ball = white * vec3(t * s / PI * mix(open, 1., .5), around);

  vec3 ve = transpose(frame) * v, ne = transpose(frame) * n;
  vec3 inward = refract(-ve, normalize(mix(ne, vec3(0, 0, 1), .35)), 1. / 1.336);
  vec3 hit = E + inward * max((1.5 - E.z) / min(inward.z, -.2), 0.);
  float r = length(hit.xy) / .6, turned = atan(hit.y, hit.x) / (2. * PI);
  float strand = texture(fibre, vec2(turned * 3., r * .1)).x * texture(fibre, vec2(turned * 9., r * .22 + .4)).x;
  float tint = mix(iris.x, iris.y, smoothstep(.3, .8, r)) * (.4 + 1.6 * strand);
  tint *= 1. - .75 * smoothstep(.8, 1., r);
  float ring = (r - pupil - .12) / .07;
  tint *= 1. + .5 * exp(-ring * ring);
  tint = mix(.002, tint, smoothstep(pupil - .03, pupil + .03, r));
  vec2 through = max(facing * .6 + .4, 0.) * s / PI * 1.1 * mix(open, 1., .6);
  vec3 c = mix(tint * vec3(through, around * 1.2), ball, smoothstep(.9, 1.06, rho));

  float rough = mix(.14, .2, smoothstep(.95, 1.1, rho)), clear = smoothstep(0., .12, D);
  c.xy += min(vec2(highlight(n, v, d0, rough, .025), highlight(n, v, d1, rough, .025)), 6.) * s * clear;
  vec3 mirrored = reflect(-v, n);
  float graze = clamp(1. - dot(n, v), 0., 1.), fresnel = .025 + .975 * graze * graze * graze * graze * graze;
  c.z += surround(mirrored) * fresnel * open * smoothstep(-.4, .3, mirrored.y) * 1.3;
  o = vec4(c, 1);
}
"""
)

HAIR_VERTEX = (
    "#version 330\n"
    + _LIGHT
    + """
in vec3 p, t;
in vec2 ribbon;
uniform float pixel;
out vec3 P, T;
out vec2 S;
out float K;
void main() {
  float r = max(ribbon.x, pixel * .5);
  vec3 to = normalize(cam - p);
  P = p + ribbon.y * r * normalize(cross(t, to) + 1e-6);
  T = t;
  K = ribbon.x / r;
  vec3 q = p + to * .12;
  S = vec2(lit(shade0, L0, q, penumbra.x), lit(shade1, L1, q, penumbra.y));
  gl_Position = VP * vec4(P + to * .08, 1);
}
"""
)

HAIR_FRAGMENT = (
    "#version 330\n"
    + _LIGHT
    + """
in vec3 P, T;
in vec2 S;
in float K;
out vec4 o;
uniform float hair;
void main() {
  vec3 t = normalize(T), v = normalize(cam - P);
  vec2 along = vec2(dot(t, d0), dot(t, d1));
  vec2 half_way = vec2(dot(t, normalize(v + d0)), dot(t, normalize(v + d1)));
  vec2 c = hair * sqrt(max(1. - along * along, 0.)) * .8 / PI;
  c += (.02 + hair * .2) * .35 * pow(max(1. - half_way * half_way, 0.), vec2(30.));
  o = vec4(c * clamp(S, 0., 1.), hair * surround(v) * .8, clamp(K, 0., 1.));
}
"""
)
